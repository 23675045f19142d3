//! The accepted requests: `log` writes their rows, `page` reads them with how far each is. It must
//! not know HTTP.

mod log;
mod page;

pub(crate) use log::RequestLog;
pub(crate) use page::{ListedRequest, RequestsQuery, read};
