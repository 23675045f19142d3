//! `GET /`: the page; `GET /page/{build}/{path}`: its files.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use linkrelay_http::Problem;

/// The page for people.
///
/// Its own view is in the query, which only the page reads.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "page",
    tag = "Documentation",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag of an answer.")),
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html",
            headers(("ETag" = String, description = "Names the content."))),
        (status = 304, description = "The content is the one that the client has."),
    )
)]
pub(super) async fn index(headers: HeaderMap) -> Response {
    linkrelay_page::index(&headers)
}

/// A file of the page.
///
/// What is at its address never changes.
#[utoipa::path(
    get,
    path = "/page/{build}/{*path}",
    operation_id = "page_file",
    tag = "Documentation",
    params(
        ("build" = String, Path, description = "Names all files of the page together.",
            example = "0123456789abcdef"),
        ("path" = String, Path, description = "The path of the file.", example = "main.js"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of an answer."),
    ),
    responses(
        (status = 200, description = "The file.", content(
            (String = "text/css"), (String = "text/javascript"), (String = "image/svg+xml"),
        ), headers(("ETag" = String, description = "Names the content."))),
        (status = 304, description = "The content is the one that the client has."),
        (status = 404, description = "`not_found`: this build of the page has no such file."),
    )
)]
pub(super) async fn file(
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    path.ok()
        .and_then(|Path((build, path))| linkrelay_page::file(&build, &path, &headers))
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no such file"))
}
