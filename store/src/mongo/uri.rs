//! The connection string: refused at start if it is malformed, and never shown.

use futures::FutureExt;
use linkrelay_common::SettingsError;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{ClientOptions, ConnectionString};
use secrecy::{ExposeSecret, SecretString};

/// The name of the setting, as errors show it.
pub(super) const SETTING: &str = "MONGODB_URI";

/// Options of a connection string whose values are secrets.
const SECRET_OPTIONS: [&str; 3] =
    ["authmechanismproperties=", "tlscertificatekeyfilepassword=", "proxypassword="];

/// A connection string that was found well-formed.
#[derive(Debug, Clone)]
pub(super) struct MongoUri(SecretString);

impl MongoUri {
    /// Checks all that can be checked without the network. The hosts behind `mongodb+srv` are
    /// looked up later, with every attempt to connect: a resolver that is down is no wrong setting.
    pub(super) fn parse(text: &SecretString) -> Result<Self, SettingsError> {
        check(text.expose_secret()).map_err(|error| {
            SettingsError::new(SETTING, complaint(text.expose_secret(), &error))
        })?;
        Ok(Self(text.clone()))
    }

    /// The driver's options; asks the resolver if the scheme is `mongodb+srv`.
    pub(super) async fn client_options(&self) -> Result<ClientOptions, Error> {
        ClientOptions::parse(self.0.expose_secret()).await
    }
}

fn check(text: &str) -> Result<(), Error> {
    let parsed = ConnectionString::parse(text)?;
    if text.starts_with("mongodb+srv://") {
        return Ok(());
    }
    // With plain hosts nothing is awaited, so the first poll has the answer.
    match ClientOptions::parse(parsed).into_future().now_or_never() {
        Some(Err(error)) => Err(error),
        Some(Ok(_)) | None => Ok(()),
    }
}

/// What is wrong, without any part of a user name or password: the driver's message may quote
/// what it stumbled over, so only the message about the string without them is shown.
fn complaint(text: &str, error: &Error) -> String {
    let bare = without_credentials(text);
    let has_secret_option =
        SECRET_OPTIONS.iter().any(|option| bare.to_ascii_lowercase().contains(option));
    if has_secret_option {
        return "is no valid connection string of MongoDB".to_owned();
    }
    match check(&bare) {
        Err(error) => format!("is no valid connection string of MongoDB: {}", message(&error)),
        Ok(()) if bare == text => {
            format!("is no valid connection string of MongoDB: {}", message(error))
        }
        Ok(()) => "its user name or password is malformed (each must be percent-encoded), or an \
                   option does not fit them"
            .to_owned(),
    }
}

/// Cut at the last `@` of the whole text, so that one within a password takes nothing along.
fn without_credentials(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) if !scheme.contains('@') => {
            format!("{scheme}://{rest}")
        }
        (None, Some((_, rest))) => rest.to_owned(),
        _ => text.to_owned(),
    }
}

fn message(error: &Error) -> String {
    match error.kind.as_ref() {
        ErrorKind::InvalidArgument { message, .. } => message.clone(),
        kind => kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<MongoUri, SettingsError> {
        MongoUri::parse(&SecretString::from(text))
    }

    #[test]
    fn what_the_driver_takes_is_taken() {
        for text in [
            "mongodb://localhost",
            "mongodb://user:p%40ss@a:27017,b:27018/?replicaSet=rs&w=majority",
            "mongodb://127.0.0.1:27017/?directConnection=true",
            "mongodb+srv://user:pass@cluster.example/?retryWrites=true",
        ] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_malformed_one_is_refused_by_name_and_without_its_secrets() {
        for text in [
            "",
            "localhost:27017",
            "user:sesame@localhost",
            "postgres://user:sesame@localhost",
            "mongodb://user:ses/ame@localhost",
            "mongodb://user:sesame@local@host:27017",
            "mongodb://user:sesame%@localhost",
            "mongodb://user:sesame@localhost:notaport",
            "mongodb://user:sesame@a,b/?directConnection=true",
            "mongodb://a/?authMechanismProperties=sesame",
            "mongodb+srv://user:sesame@cluster.example:27017",
        ] {
            let error = parse(text).map(|_| ()).unwrap_err().to_string();
            assert!(error.starts_with("MONGODB_URI: "), "{text}: {error}");
            assert!(!error.contains("ses"), "{text}: {error}");
        }
    }

    #[test]
    fn a_debug_print_shows_nothing() {
        let uri = parse("mongodb://user:sesame@localhost").unwrap();
        assert!(!format!("{uri:?}").contains("sesame"));
    }
}
