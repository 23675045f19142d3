//! The extractor server: `POST /links` for clients that wait for their documents. The same address
//! has liveness, readiness and metrics of the consumer.
//!
//! It must not know: Kafka.

mod answer;
mod settings;
mod work;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use linkrelay_common::health::Health;
use linkrelay_common::parse_link;
use linkrelay_http::browser::{AllowedHosts, CorsOrigins};
use linkrelay_http::client::ClientLimits;
use linkrelay_http::intake::{CheckedLinks, IntakeSettings, read_links};
use linkrelay_http::keys::{Access, Scope, guard};
use linkrelay_http::{Problem, health_routes, layers, metrics_route};

pub use settings::{PostLinksSettings, ServerSettings};
use work::Posted;
pub(crate) use work::PostedLinks;

/// How long a request may take beyond the time for its body and its links.
const LAST_MOMENT: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
struct ServerState {
    posted_links: Arc<PostedLinks>,
    intake: Arc<IntakeSettings>,
}

/// Returns the routes of the server, with the layers before them. Without `access` there is no
/// `POST /links`.
pub(crate) fn router(
    settings: &ServerSettings,
    clients: Arc<ClientLimits>,
    access: Option<&Access>,
    posted_links: Arc<PostedLinks>,
    health: Health,
) -> Router {
    let state = ServerState { posted_links, intake: Arc::new(settings.intake.clone()) };
    let links = match access {
        Some(access) => {
            let links = guard(post(post_links), access, Scope::Submit);
            Router::new().route("/links", links).with_state(state)
        }
        None => Router::new(),
    };
    let mut health = health_routes(health);
    if settings.metrics.is_beside_health() {
        health = health.merge(metrics_route());
    }
    let limits = layers::Limits {
        max_concurrent_requests: settings.intake.max_concurrent_requests,
        request_timeout: settings.intake.body_read_timeout
            + settings.post_links.post_links_timeout
            + LAST_MOMENT,
    };
    let admission = layers::Admission {
        clients,
        hosts: hosts(settings, access),
        origins: CorsOrigins::default(),
        access: access.cloned().unwrap_or(Access::Everyone),
    };
    let routes = layers::Routes { limited: links, streams: Router::new(), exempt: health.into() };
    layers::stack(routes, limits, admission)
}

/// ALLOWED_HOSTS are the API's names, while producers ask by the address of EXTRACTOR_URL; so only
/// an extractor server that everyone may use is asked by those names.
fn hosts(settings: &ServerSettings, access: Option<&Access>) -> AllowedHosts {
    match access {
        Some(Access::Everyone) => settings.intake.allowed_hosts.clone(),
        Some(Access::Keys(_)) | None => AllowedHosts::any(),
    }
}

async fn post_links(
    State(server): State<ServerState>,
    request: Request,
) -> Result<Response, Problem> {
    let request = read_links(request, &server.intake).await?;
    let links = CheckedLinks::new(request.links, parse_link);
    if links.valid.is_empty() {
        return Err(answer::of_no_valid_links(&links));
    }
    let id = links.request_id(request.idempotency_key.as_deref());
    let (force, timeout, span) = (request.force, request.timeout, request.span);
    let posted = Posted { id, links: &links, force, timeout, span };
    match server.posted_links.run(posted).await {
        Ok(outcomes) => Ok(answer::of_outcomes(id, &links, &outcomes).into_response()),
        Err(not_taken) => Err(answer::of_not_taken(not_taken)),
    }
}
