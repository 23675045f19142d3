//! What the OpenAPI document says of every route alike, so that a route describes only itself.
//!
//! A route describes an error answer by its status and a text that begins with the codes, as in
//! ``(status = 404, description = "`unknown_video`: no link has named it")``; the body and the
//! headers of errors are added here.
//!
//! It must not know: which routes there are.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Value, json};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::schema::{
    AnyOfBuilder, KnownFormat, Object, ObjectBuilder, SchemaFormat, Type,
};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, Schema,
};
use utoipa::{IntoParams, IntoResponses, PartialSchema, ToSchema};

const BEARER: &str = "bearer";
const API_KEY: &str = "api_key";
const SESSION: &str = "session";

/// The form of every error (RFC 9457).
#[derive(Debug, ToSchema)]
#[schema(as = Problem)]
#[allow(dead_code, reason = "it describes what `Problem` writes member by member")]
pub struct ProblemBody {
    #[schema(example = "about:blank")]
    r#type: String,
    /// The name of the status.
    #[schema(example = "Bad Request")]
    title: String,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599, example = 400)]
    status: u16,
    /// Stable, for programs.
    #[schema(pattern = "^[a-z_]+$", example = "bad_query")]
    code: String,
    /// A sentence for people. Of a wrong parameter it begins with the parameter's name.
    #[schema(example = "limit: must be a number from 1 to 500")]
    detail: String,
    /// The request, if its links were checked, or the replay that runs.
    id: Option<String>,
    /// How many of its links were accepted nevertheless.
    accepted: Option<u32>,
    /// Where to ask for the outcome of the request or replay.
    status_url: Option<String>,
    /// The outcome of each link, as in the answer of a request that succeeds.
    results: Option<Vec<Value>>,
    /// The indexes of the links that cannot be retried.
    indexes: Option<Vec<u32>>,
}

/// What [`read_json`](crate::intake::read_json) refuses with a status of its own; a route says
/// itself what 400 means.
#[derive(Debug)]
pub struct BodyProblems;

impl IntoResponses for BodyProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (408, "`body_timeout`: the body came too slowly (BODY_READ_TIMEOUT, 10 s)."),
            (413, "`body_too_large`: the body is larger than MAX_BODY_BYTES (1 MiB)."),
            (
                415,
                "`unsupported_media_type`, `unsupported_encoding`: the body is not declared as \
                 JSON, or is compressed by something else than gzip.",
            ),
        ])
    }
}

/// What [`read_links`](crate::intake::read_links) refuses, and links of which none names a video.
#[derive(Debug)]
pub struct IntakeProblems;

impl IntoResponses for IntakeProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = BodyProblems::responses();
        responses.extend(problems(&[
            (
                400,
                "`bad_body`, `body_broken`, `not_gzip`, `bad_idempotency_key`, `bad_query`: the \
                 body, a header or a parameter is wrong.",
            ),
            (
                422,
                "`no_links`, `too_many_links`, `no_valid_links`: there is no link, there are more \
                 than MAX_LINKS_PER_REQUEST (1,000), or none names a video.",
            ),
        ]));
        responses
    }
}

/// Returns error answers, each with its status and a text that begins with its codes.
pub fn problems(texts: &[(u16, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let response = |text: &str| ResponseBuilder::new().description(text).build().into();
    texts.iter().map(|(status, text)| (status.to_string(), response(text))).collect()
}

/// The headers of a request for links.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "it describes what the intake reads from the headers")]
pub struct LinkHeaders {
    /// The same key with the same links gives the same id, so a retry writes no second document.
    #[param(rename = "Idempotency-Key", pattern = "^[!-~]{1,255}$")]
    idempotency_key: Option<String>,
    /// A W3C trace context; a malformed one is ignored.
    traceparent: Option<String>,
}

/// Returns the schema of a text that is one of these.
pub fn one_of<const COUNT: usize>(values: [&str; COUNT]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values)).build()
}

/// A parameter that is a day, which means its beginning in UTC, or a time with an offset.
#[derive(Debug)]
pub struct DayOrTime;

impl PartialSchema for DayOrTime {
    fn schema() -> RefOr<Schema> {
        let text = |format| {
            let format = Some(SchemaFormat::KnownFormat(format));
            ObjectBuilder::new().schema_type(Type::String).format(format).build()
        };
        let any = AnyOfBuilder::new().item(text(KnownFormat::Date));
        any.item(text(KnownFormat::DateTime)).into()
    }
}

impl ToSchema for DayOrTime {}

/// Adds to every operation of `document` what all routes answer: a defect is a 500, and the wrong
/// name of the server a 421.
pub fn add_defects(document: &mut OpenApi) {
    let defect = "`internal_error`: the server has a defect; its log has the details.";
    let host = "`unknown_host`: `Host` is no name of this server (ALLOWED_HOSTS).";
    each_operation(document, |operation| {
        add(operation, "500", defect);
        add(operation, "421", host);
    });
}

/// Adds to every operation of `document` the answers of the layer that limits requests.
pub fn add_limits(document: &mut OpenApi) {
    let text = "`overloaded`, `request_timeout`: too many requests are in flight, or this one took \
                too long.";
    each_operation(document, |operation| add(operation, "503", text));
}

/// Adds to every operation of `document` the answers to a client that exceeds its limits.
pub fn add_client_limits(document: &mut OpenApi) {
    let any = "`client_requests`, `client_in_flight`: this client sends too many requests a \
               second, or has too many in flight.";
    let with_body = "`client_bodies`, `client_links`: too many of its bodies are still arriving, \
                     or it sends too many links a second.";
    each_operation(document, |operation| {
        add(operation, "429", any);
        if operation.request_body.is_some() {
            add(operation, "429", with_body);
        }
    });
}

/// Adds to every operation of a path what a route answers whose clients need a key with this scope,
/// and if the server has keys also that one is needed.
pub(crate) fn add_keys(item: &mut PathItem, scope: &str, needs_key: bool) {
    let is_read_alone = item.post.is_none() && item.delete.is_none();
    for operation in operations(item).into_iter().flatten() {
        add(
            operation,
            "401",
            "`no_key`, `unknown_key`, `session_expired`, `unknown_session`: no API key or session \
             was sent, or one that is not known or has ended.",
        );
        let text = format!("`insufficient_scope`: the API key does not have the scope `{scope}`.");
        add(operation, "403", &text);
        if !is_read_alone {
            let text = "`wrong_origin`: a page of another origin has sent the session.";
            add(operation, "403", text);
        }
        if needs_key {
            let either =
                [BEARER, API_KEY, SESSION].map(|name| SecurityRequirement::new(name, [scope]));
            operation.security = Some(either.into());
        }
    }
}

/// Adds the two forms in which clients send their API key, and the one of a session.
pub fn add_key_schemes(document: &mut OpenApi) {
    let text = "An API key of `linkrelay keys add`, as `Authorization: Bearer …`.";
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(text));
    let header =
        ApiKeyValue::with_description("X-API-Key", "The same key, in a header of its own.");
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer.build()));
    components.add_security_scheme(API_KEY, SecurityScheme::ApiKey(ApiKey::Header(header)));
    let text = "What `POST /session` gives a browser for a key; with TLS its name begins with \
                `__Host-`.";
    let cookie = ApiKeyValue::with_description("linkrelay_session", text);
    components.add_security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
}

/// Adds to every operation what follows from its description.
///
/// An error answer without a body gets the one of [`ProblemBody`], with the first code as an
/// example, and `Retry-After` if the same request can succeed later. A parameter of a query may be
/// empty, which is the same as leaving it out; a header that is left out is not null.
pub fn complete(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    each_operation(document, |operation| {
        for (status, response) in &mut operation.responses.responses {
            if let RefOr::T(response) = response
                && status.starts_with(['4', '5'])
                && response.content.is_empty()
            {
                complete_problem(status, response);
            }
        }
        for parameter in operation.parameters.iter_mut().flatten() {
            if let RefOr::T(parameter) = parameter {
                complete_parameter(parameter);
            }
        }
    });
}

fn complete_problem(status: &str, response: &mut Response) {
    let number = status.parse().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR.as_u16());
    let title = StatusCode::from_u16(number).ok().and_then(|status| status.canonical_reason());
    let example = json!({
        "type": "about:blank",
        "title": title,
        "status": number,
        "code": response.description.split('`').nth(1),
        "detail": "what is wrong, in a sentence",
    });
    let body = Ref::from_schema_name(ProblemBody::name());
    let content = ContentBuilder::new().schema(Some(body)).example(Some(example)).build();
    response.content.insert("application/problem+json".to_owned(), content.into());
    if matches!(status, "401" | "403") {
        let header = HeaderBuilder::new()
            .schema(Some(Schema::from(ObjectBuilder::new().schema_type(Type::String).build())))
            .description(Some("`Bearer`, with what is wrong (RFC 6750)."))
            .build();
        response.headers.insert("WWW-Authenticate".to_owned(), header.into());
    }
    if matches!(status, "429" | "503" | "504") {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).build();
        let text = "After how many seconds the same request can succeed.";
        add_header(response, "Retry-After", seconds, text);
    }
    if status == "429" {
        let text = || ObjectBuilder::new().schema_type(Type::String).build();
        let left = "What is left to the client, as in `\"requests\";r=0;t=5`.";
        add_header(response, "RateLimit", text(), left);
        let policy = "What it may send, as in `\"requests\";q=1000;w=5`.";
        add_header(response, "RateLimit-Policy", text(), policy);
    }
}

fn add_header(response: &mut Response, name: &str, schema: Object, text: &str) {
    let header = HeaderBuilder::new().schema(Some(Schema::from(schema))).description(Some(text));
    response.headers.insert(name.to_owned(), header.build().into());
}

fn complete_parameter(parameter: &mut Parameter) {
    if parameter.parameter_in == ParameterIn::Query {
        let keywords = parameter.extensions.get_or_insert_default();
        keywords.insert("allowEmptyValue".to_owned(), Value::Bool(true));
    }
    if parameter.parameter_in == ParameterIn::Header
        && let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema
    {
        schema.schema_type = Type::String.into();
    }
}

/// Adds an answer, or its text to the answer of the same status.
fn add(operation: &mut Operation, status: &str, text: &str) {
    let responses = &mut operation.responses.responses;
    match responses.get_mut(status) {
        Some(RefOr::T(response)) if response.content.is_empty() => {
            response.description = format!("{} {text}", response.description);
        }
        Some(_) => {}
        None => {
            let response = ResponseBuilder::new().description(text).build();
            responses.insert(status.to_owned(), response.into());
        }
    }
}

fn each_operation(document: &mut OpenApi, mut change: impl FnMut(&mut Operation)) {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item).into_iter().flatten() {
            change(operation);
        }
    }
}

fn operations(item: &mut PathItem) -> [&mut Option<Operation>; 5] {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete]
}
