//! Checks the connection string: a malformed one is refused at start, and none is ever shown.

use futures::FutureExt;
use linkrelay_common::SettingsError;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{Acknowledgment, ClientOptions, ConnectionString, WriteConcern};
use secrecy::{ExposeSecret, SecretString};

/// The name of the setting, as errors show it.
pub(super) const SETTING: &str = "MONGODB_URI";

/// Options of a connection string whose values are secrets.
const SECRET_OPTIONS: [&str; 3] =
    ["authmechanismproperties=", "tlscertificatekeyfilepassword=", "proxypassword="];

/// The server's own databases; in a connection string they name where users are looked up.
const SERVER_DATABASES: [&str; 3] = ["admin", "local", "config"];

/// A valid connection string.
#[derive(Debug, Clone)]
pub(crate) struct MongoUri {
    text: SecretString,
    database: Option<String>,
}

impl MongoUri {
    /// Checks what can be checked without the network. The hosts of `mongodb+srv` are resolved
    /// later, at each attempt to connect: a failing resolver does not make the setting wrong.
    ///
    /// # Errors
    /// Fails if the text is malformed, or asks for writes that may be lost. The error names the
    /// setting.
    pub(crate) fn parse(text: &SecretString) -> Result<Self, SettingsError> {
        let parsed = check(text.expose_secret()).map_err(|error| {
            SettingsError::new(SETTING, problem_of(text.expose_secret(), &error))
        })?;
        if let Some(problem) = parsed.write_concern.as_ref().and_then(too_weak) {
            return Err(SettingsError::new(SETTING, problem));
        }
        let is_usable = |name: &String| !SERVER_DATABASES.contains(&name.as_str());
        Ok(Self { text: text.clone(), database: parsed.default_database.filter(is_usable) })
    }

    /// Returns the database in the path, if documents can be stored there.
    pub(crate) fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Returns the hosts, or the name of their record in DNS.
    pub(crate) fn hosts(&self) -> String {
        let bare = without_credentials(self.text.expose_secret());
        let hosts = bare.split_once("://").map_or(&*bare, |(_, rest)| rest);
        hosts.split(['/', '?']).next().unwrap_or_default().to_owned()
    }

    /// Returns the driver's options; asks the resolver if the scheme is `mongodb+srv`.
    pub(super) async fn client_options(&self) -> Result<ClientOptions, Error> {
        ClientOptions::parse(self.text.expose_secret()).await
    }
}

fn check(text: &str) -> Result<ConnectionString, Error> {
    let parsed = ConnectionString::parse(text)?;
    if text.starts_with("mongodb+srv://") {
        return Ok(parsed);
    }
    // With plain hosts nothing is awaited, so the first poll returns the result.
    match ClientOptions::parse(parsed.clone()).into_future().now_or_never() {
        Some(Err(error)) => Err(error),
        Some(Ok(_)) | None => Ok(parsed),
    }
}

/// Returns why a write concern may lose acknowledged writes. The number of servers is not known
/// here, so a number or a tag may be less than a majority.
fn too_weak(concern: &WriteConcern) -> Option<&'static str> {
    match (&concern.w, concern.journal) {
        (None | Some(Acknowledgment::Majority), Some(false)) => {
            Some("journal must be true, or left out, so that a crash cannot lose a document")
        }
        (None | Some(Acknowledgment::Majority), _) => None,
        _ => Some("w must be majority, or left out, so that a failover cannot lose a document"),
    }
}

/// Returns what is wrong, without any part of a user name or password: the driver's message may
/// quote the text, so only its message about the text without credentials is shown.
fn problem_of(text: &str, error: &Error) -> String {
    let bare = without_credentials(text);
    let has_secret_option =
        SECRET_OPTIONS.iter().any(|option| bare.to_ascii_lowercase().contains(option));
    if has_secret_option {
        return "is not a valid connection string of MongoDB".to_owned();
    }
    match check(&bare) {
        Err(error) => format!("is not a valid connection string of MongoDB: {}", message(&error)),
        Ok(_) if bare == text => {
            format!("is not a valid connection string of MongoDB: {}", message(error))
        }
        Ok(_) => "has a malformed user name or password (each must be percent-encoded), or an \
                  option that does not fit them"
            .to_owned(),
    }
}

/// Removes the credentials: all up to the last `@` of the text, because a password may contain
/// one.
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
    fn what_the_driver_accepts_is_accepted() {
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
    fn what_may_lose_an_acknowledged_write_is_refused_by_name() {
        for (options, problem) in [
            ("w=0", "w must be majority"),
            ("w=1", "w must be majority"),
            ("w=2&wtimeoutMS=100", "w must be majority"),
            ("w=5&journal=true", "w must be majority"),
            ("w=aTag", "w must be majority"),
            ("journal=false", "journal must be true"),
            ("w=majority&journal=false", "journal must be true"),
        ] {
            for scheme in ["mongodb", "mongodb+srv"] {
                let text = format!("{scheme}://user:sesame@cluster.example/?{options}");
                let error = parse(&text).map(|_| ()).unwrap_err().to_string();
                assert!(error.starts_with(&format!("MONGODB_URI: {problem}")), "{text}: {error}");
            }
        }
        for options in ["w=majority", "W=majority&journal=true", "wtimeoutMS=1", "journal=true"] {
            assert!(parse(&format!("mongodb://a/?{options}")).is_ok(), "{options}");
        }
    }

    #[test]
    fn a_debug_print_shows_nothing() {
        let uri = parse("mongodb://user:sesame@localhost").unwrap();
        assert!(!format!("{uri:?}").contains("sesame"));
    }
}
