//! `GET /export`: all videos that a query selects, as one answer.
//!
//! The route is outside the layers that limit and time out requests; the number of exports has a
//! limit of its own.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Version, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use jiff::Timestamp;
use linkrelay_http::client::{Pass, Share};
use utoipa::{IntoParams, ToSchema};

use super::parameters::{Parameters, wrong};
use super::video_query::{self, SelectParameters};
use crate::error::ApiError;
use crate::export::{CsvOptions, Export, Format, PAGE_VIDEOS, Step};
use crate::state::AppState;

/// The parameters of `GET /export` beside those that select videos.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "`format` reads them one by one, to name the wrong one")]
struct FormatParameters {
    /// `ndjson` if it is left out.
    #[param(inline)]
    format: Option<FormatName>,
    /// Only for CSV: begins with a byte order mark, by which Excel knows UTF-8.
    bom: Option<bool>,
    /// Only for CSV: texts as they are, although a spreadsheet may take them for formulas.
    raw: Option<bool>,
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "the document has the names, `format` their values")]
enum FormatName {
    Ndjson,
    Csv,
}

/// All videos that a query selects, as one answer.
///
/// JSON lines end with `{"end":true,"rows":n}`; a connection that breaks before has not sent all.
#[utoipa::path(
    get,
    path = "/export",
    tag = "Videos",
    params(SelectParameters, FormatParameters),
    responses(
        (status = 200, description = "The videos, a line each.", content(
            (String = "application/x-ndjson"),
            (String = "text/csv; charset=utf-8; header=present"),
        )),
        (status = 400, description = "`bad_query`: a parameter is wrong or not known."),
        (status = 429, description = "`client_exports`: this client has too many exports."),
        (status = 500, description = "`store_unreadable`: a stored document cannot be read."),
        (status = 503, description = "`store_unavailable`: the store cannot be reached; \
            `too_many_exports`: MAX_EXPORTS are open; `stopping`: the server stops."),
    )
)]
pub(super) async fn export(
    State(app): State<Arc<AppState>>,
    version: Version,
    client: Pass,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let format = format(&mut parameters)?;
    if version < Version::HTTP_11 && matches!(format, Format::Csv(_)) {
        return Err(wrong(
            "format",
            "csv needs HTTP/1.1, because over 1.0 a connection that breaks looks like the end \
             (nginx: proxy_http_version 1.1); ndjson does not",
        ));
    }
    let query = video_query::read(&mut parameters, PAGE_VIDEOS)?;
    parameters.end()?;
    let slot = client.slot(&app.client_slots.exports)?;
    let export = app.exports.open(query, format).await?;
    let (media_type, ending) = format.names();
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let name = format!("attachment; filename=\"linkrelay-videos-{now}.{ending}\"");
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(body(export, format, slot))).into_response())
}

/// Reads the format and its options.
fn format(parameters: &mut Parameters) -> Result<Format, ApiError> {
    let is_csv = parameters.one_of("format", &[("ndjson", false), ("csv", true)])?;
    let flags = [("true", true), ("false", false)];
    let mut option = |name: &'static str| parameters.one_of(name, &flags).map(|flag| (name, flag));
    let (bom, raw) = (option("bom")?, option("raw")?);
    if is_csv == Some(true) {
        let [has_bom, is_raw] = [bom, raw].map(|(_, flag)| flag == Some(true));
        return Ok(Format::Csv(CsvOptions { is_raw, has_bom }));
    }
    let of_csv = [bom, raw].into_iter().find(|(_, flag)| flag.is_some());
    of_csv.map_or(Ok(Format::Ndjson), |(name, _)| Err(wrong(name, "is only for format=csv")))
}

/// An error is the last item: it breaks the connection, so that no client takes what it has for
/// all of it.
fn body(
    export: Export,
    format: Format,
    slot: Option<Share>,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let steps = stream::unfold((export, slot), async |(mut export, slot)| {
        Some((export.next().await?, (export, slot)))
    });
    let rows = steps.flat_map(move |step| {
        let (bytes, error) = match step {
            Step::Rows(bytes) => (bytes, None),
            Step::End { rows } => (format.end(rows), None),
            Step::Broken { error, after } => {
                let error = ApiError::from(error);
                let bytes = format.broken(&error.problem_value(), after);
                (bytes, Some(io::Error::other(error.to_string())))
            }
        };
        let rest = error.map(|error| {
            stream::once(async {
                // Lets the connection write what it has before it is broken.
                tokio::task::yield_now().await;
                Err(error)
            })
        });
        stream::iter([Ok(bytes)]).chain(stream::iter(rest).flatten())
    });
    stream::iter([Ok(format.begin())]).chain(rows)
}
