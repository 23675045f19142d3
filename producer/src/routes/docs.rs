//! `GET /openapi.json`: the OpenAPI document; `GET /docs/`: Swagger UI, which shows it.
//!
//! The files of Swagger UI are a part of the program, so that a browser fetches nothing from
//! another host.

use std::sync::{Arc, LazyLock};

use axum::Extension;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use linkrelay_http::{Problem, etag};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;
use uuid::Uuid;

/// The document as it is served.
#[derive(Debug)]
pub(crate) struct Served {
    json: Bytes,
    /// Names the content.
    etag: String,
}

impl Served {
    /// Makes it of the document, which is the same as long as the process runs.
    pub(crate) fn new(document: &OpenApi) -> Self {
        // Numbers and texts can always be serialized.
        let json = serde_json::to_vec(document).unwrap_or_default();
        let etag = format!("\"{}\"", Uuid::new_v5(&Uuid::NAMESPACE_URL, &json).simple());
        Self { json: json.into(), etag }
    }
}

/// Everything comes from this server. Swagger UI sets styles of elements, and draws its icons from
/// `data:` addresses.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                   img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                   frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 4] = [
    // The files change with the version of linkrelay alone.
    (header::CACHE_CONTROL, HeaderValue::from_static("max-age=3600")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // The validator is a server on the internet.
    Arc::new(
        Config::from("/openapi.json").validator_url("none").deep_linking(true).use_base_layout(),
    )
});

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "Documentation",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag of an answer.")),
    responses(
        (status = 200, description = "The document.", body = Object,
            headers(("ETag" = String, description = "Names the content."))),
        (status = 304, description = "The content is the one that the client has."),
    )
)]
pub(super) async fn document(
    Extension(served): Extension<Arc<Served>>,
    headers: HeaderMap,
) -> Response {
    let is_known = etag::is_known(&headers, &served.etag);
    let headers = [(header::ETAG, served.etag.as_str()), (header::CACHE_CONTROL, "no-cache")];
    if is_known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let json = [(header::CONTENT_TYPE, "application/json")];
    (headers, json, served.json.clone()).into_response()
}

/// Leads to the pages, whose addresses are relative to `/docs/`.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "Documentation",
    responses((status = 308, description = "To `/docs/`.",
        headers(("Location" = String, description = "`/docs/`"))))
)]
pub(super) async fn to_index() -> Redirect {
    Redirect::permanent("/docs/")
}

/// The page that shows this document.
#[utoipa::path(
    get,
    path = "/docs/",
    tag = "Documentation",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"))
)]
pub(super) async fn index() -> Result<Response, Problem> {
    serve("index.html").ok_or_else(no_such_file)
}

/// A file of that page.
#[utoipa::path(
    get,
    path = "/docs/{file}",
    tag = "Documentation",
    params(("file" = String, Path, description = "Its name.", example = "swagger-ui.css")),
    responses(
        (status = 200, description = "The file.", content(
            (String = "text/css"), (String = "text/javascript"), (String = "text/html"),
            (String = "image/png"),
        )),
        (status = 404, description = "`not_found`: there is no such file."),
    )
)]
pub(super) async fn file(name: Result<Path<String>, PathRejection>) -> Result<Response, Problem> {
    name.ok().and_then(|Path(name)| serve(&name)).ok_or_else(no_such_file)
}

fn no_such_file() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no such file")
}

fn serve(name: &str) -> Option<Response> {
    let file = utoipa_swagger_ui::serve(name, Arc::clone(&CONFIG)).ok().flatten()?;
    let mut response = (HEADERS, file.bytes.into_owned()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, file.content_type.parse().ok()?);
    if file.gzpipped {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(response)
}
