//! URLs that are no secrets.

use std::ffi::OsStr;

use clap::builder::TypedValueParser;
use clap::{Arg, Command};
use url::Url;

use super::wrong;

/// A parser for the URL of a setting that is no secret: it refuses a user or a password in it, and
/// its error does not repeat the URL, as clap's own would.
#[derive(Debug, Clone, Copy)]
pub struct UrlWithoutPassword;

impl TypedValueParser for UrlWithoutPassword {
    type Value = Url;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        given: &OsStr,
    ) -> Result<Url, clap::Error> {
        let problem = match given.to_str().map(Url::parse) {
            Some(Ok(url)) if url.username().is_empty() && url.password().is_none() => {
                return Ok(url);
            }
            Some(Ok(_)) => "must have no user and no password, because it is shown in logs",
            Some(Err(_)) | None => "is not a URL, such as http://host:port",
        };
        let variable = argument.and_then(Arg::get_env).unwrap_or_else(|| OsStr::new("the URL"));
        Err(wrong(command, &format!("{}: {problem}", variable.display())))
    }
}
