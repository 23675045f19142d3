//! What comes before and after the routes, as a layer that costs a request no allocation.
//!
//! `axum::middleware::from_fn` puts each request's future into a box of a kilobyte or more, and
//! clones the service below: six of them were a third of the processor time of a POST.
//!
//! It must not know: what is done before and after.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use linkrelay_telemetry::InSpan;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::Span;
use tracing::instrument::{Instrument as _, Instrumented};

/// Something to do around the service below. Nothing of it waits.
pub trait Around: Clone {
    /// What is kept from before until after; it is also dropped if the client leaves meanwhile.
    type Held;

    /// Looks at a request, and may change it.
    ///
    /// # Errors
    /// The answer, if the service below is not to see the request.
    fn before(&self, request: &mut Request) -> Result<Self::Held, Box<Response>>;

    /// Looks at the answer of the service below, and may change it.
    fn after(&self, held: Self::Held, response: &mut Response);

    /// Returns the span of log lines that the service below works in.
    fn span(_held: &Self::Held) -> Span {
        Span::none()
    }

    /// Returns the span of traces that the service below works in.
    fn traced_span(_held: &Self::Held) -> linkrelay_telemetry::Span {
        linkrelay_telemetry::Span::default()
    }
}

/// The layer that does it.
#[derive(Debug, Clone)]
pub struct AroundLayer<A>(pub A);

impl<A: Clone, S> Layer<S> for AroundLayer<A> {
    type Service = AroundService<A, S>;

    fn layer(&self, inner: S) -> Self::Service {
        AroundService { around: self.0.clone(), inner }
    }
}

/// The service with what is done around it.
#[derive(Debug, Clone)]
pub struct AroundService<A, S> {
    around: A,
    inner: S,
}

impl<A, S> Service<Request> for AroundService<A, S>
where
    A: Around,
    S: Service<Request, Error = Infallible>,
    S::Response: IntoResponse,
{
    type Response = Response;
    type Error = Infallible;
    type Future = AroundFuture<A, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        match self.around.before(&mut request) {
            Ok(held) => {
                let inner = self.inner.call(request).instrument(A::span(&held));
                let inner = A::traced_span(&held).around(inner);
                AroundFuture::Below { inner, around: self.around.clone(), held: Some(held) }
            }
            Err(answer) => AroundFuture::Answered { answer: Some(answer) },
        }
    }
}

pin_project! {
    /// The answer of the service below, or that of [`Around::before`] instead.
    #[project = Step]
    pub enum AroundFuture<A: Around, F> {
        Answered { answer: Option<Box<Response>> },
        Below { #[pin] inner: InSpan<Instrumented<F>>, around: A, held: Option<A::Held> },
    }
}

impl<A, F, R> Future for AroundFuture<A, F>
where
    A: Around,
    F: Future<Output = Result<R, Infallible>>,
    R: IntoResponse,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            // A future that has answered is not polled again.
            Step::Answered { answer } => Poll::Ready(Ok(*answer.take().unwrap_or_default())),
            Step::Below { inner, around, held } => {
                let Ok(answer) = ready!(inner.poll(context));
                let mut answer = answer.into_response();
                if let Some(held) = held.take() {
                    around.after(held, &mut answer);
                }
                Poll::Ready(Ok(answer))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    /// Writes down what happens, and refuses what asks for `/no`.
    #[derive(Debug, Clone)]
    struct Recorder(Arc<Mutex<Vec<String>>>);

    impl Recorder {
        fn record(&self, text: impl Into<String>) {
            self.0.lock().unwrap().push(text.into());
        }
    }

    struct Held(Recorder);

    impl Drop for Held {
        fn drop(&mut self) {
            self.0.record("dropped");
        }
    }

    impl Around for Recorder {
        type Held = Held;

        fn before(&self, request: &mut Request) -> Result<Held, Box<Response>> {
            self.record("before");
            request.extensions_mut().insert(StatusCode::IM_A_TEAPOT);
            match request.uri().path() {
                "/no" => Err(Box::new(StatusCode::FORBIDDEN.into_response())),
                _ => Ok(Held(self.clone())),
            }
        }

        fn after(&self, _held: Held, response: &mut Response) {
            self.record(format!("after {}", response.status().as_u16()));
            *response.status_mut() = StatusCode::ACCEPTED;
        }

        fn span(_held: &Held) -> Span {
            tracing::error_span!("around")
        }
    }

    fn router(recorder: &Recorder) -> Router {
        let span = async || Span::current().metadata().map(tracing::Metadata::name);
        let handler = async move |axum::Extension(status): axum::Extension<StatusCode>| {
            assert_eq!(span().await, Some("around"));
            status
        };
        let forever = async || std::future::pending::<()>().await;
        let routes = Router::new().route("/", get(handler)).route("/forever", get(forever));
        routes.layer(AroundLayer(recorder.clone()))
    }

    #[tokio::test]
    async fn a_request_is_seen_before_and_its_answer_after() {
        linkrelay_telemetry::start_for_test();
        for (path, status, seen) in [
            ("/", StatusCode::ACCEPTED, vec!["before", "after 418", "dropped"]),
            ("/no", StatusCode::FORBIDDEN, vec!["before"]),
        ] {
            let recorder = Recorder(Arc::default());
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let response = router(&recorder).oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            assert_eq!(*recorder.0.lock().unwrap(), seen, "{path}");
        }
    }

    #[tokio::test]
    async fn a_client_that_leaves_frees_what_is_held() {
        let recorder = Recorder(Arc::default());
        let request = Request::builder().uri("/forever").body(Body::empty()).unwrap();
        let mut answer = Box::pin(router(&recorder).oneshot(request));
        assert!(futures::poll!(&mut answer).is_pending());
        drop(answer);
        assert_eq!(*recorder.0.lock().unwrap(), ["before", "dropped"]);
    }
}
