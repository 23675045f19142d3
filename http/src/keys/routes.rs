//! Routes, each with the scope that its clients' keys need; the OpenAPI document says the same.

use std::fmt;

use axum::routing::MethodRouter;
use utoipa::openapi::Paths;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::{Access, Scope, guard};
use crate::openapi::add_keys;

/// The routes of a server. None can be added without saying who may use it.
pub struct KeyedRoutes<S> {
    router: OpenApiRouter<S>,
    access: Access,
}

impl<S> fmt::Debug for KeyedRoutes<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRoutes").field("access", &self.access).finish_non_exhaustive()
    }
}

impl<S: Clone + Send + Sync + 'static> KeyedRoutes<S> {
    /// Makes it without routes.
    pub fn new(access: &Access) -> Self {
        Self { router: OpenApiRouter::new(), access: access.clone() }
    }

    /// Adds routes for clients whose keys have this scope.
    #[must_use]
    pub fn with(self, scope: Scope, routes: UtoipaMethodRouter<S>) -> Self {
        let (schemas, mut paths, handlers): (_, Paths, MethodRouter<S>) = routes;
        let needs_key = matches!(self.access, Access::Keys(_));
        for item in paths.paths.values_mut() {
            add_keys(item, scope.as_str(), needs_key);
        }
        let handlers = guard(handlers, &self.access, scope);
        Self { router: self.router.routes((schemas, paths, handlers)), ..self }
    }

    /// Adds routes that need no key: they show nothing of links, and change nothing.
    #[must_use]
    pub fn open(self, routes: UtoipaMethodRouter<S>) -> Self {
        Self { router: self.router.routes(routes), ..self }
    }

    /// Returns the routes, with their guards.
    pub fn into_router(self) -> OpenApiRouter<S> {
        self.router
    }
}
