//! Which keys a server asks for, and whether it may do without.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{ArgAction, Args};
use linkrelay_common::SettingsError;
use secrecy::{ExposeSecret, SecretString};

use super::{KeyFile, KeyPath, KeyRing, KeyText};

const FILE: &str = "LINKRELAY_API_KEYS_FILE";
const PLAIN: &str = "LINKRELAY_API_KEYS";
const ANONYMOUS: &str = "LINKRELAY_ALLOW_ANONYMOUS";
/// A shorter one can be guessed.
const MIN_PLAIN_KEY_CHARS: usize = 16;

/// The settings of who may use a server.
#[derive(Debug, Clone, Default, Args)]
pub struct KeySettings {
    /// File of API keys, made by `linkrelay keys add`; read again when it changes, and on SIGHUP.
    /// With it, every request needs a key, except for health, metrics and the API's documentation
    #[arg(
        long = "api-keys-file",
        env = "LINKRELAY_API_KEYS_FILE",
        value_name = "FILE",
        // A key may be given there by mistake.
        hide_env_values = true,
        value_parser = OsStringValueParser::new().map(KeyPath::from)
    )]
    pub file: Option<KeyPath>,

    /// API keys of 16 characters or more, separated by commas, that may do everything: for a first
    /// try, since they are never read again
    #[arg(
        long = "api-keys",
        env = "LINKRELAY_API_KEYS",
        value_name = "KEYS",
        hide_env_values = true
    )]
    pub plain: Option<SecretString>,

    /// Serve everyone who reaches the address, also on one that is not loopback
    #[arg(long, env = "LINKRELAY_ALLOW_ANONYMOUS", action = ArgAction::Set, num_args = 0..=1, default_value_t = false,
        default_missing_value = "true")]
    pub allow_anonymous: bool,

    /// A key of the process itself, with which one of its roles asks another.
    #[arg(skip)]
    pub own: Option<KeyText>,
}

/// Whether a server serves clients.
#[derive(Debug)]
pub enum Service {
    /// It does, if they have access.
    Open(Access),
    /// It serves none, for this reason: its file of keys is wrong, or there are no keys and others
    /// than this machine can reach it.
    Closed(SettingsError),
}

/// Who may use a server.
#[derive(Debug, Clone)]
pub enum Access {
    /// Everyone who reaches its address.
    Everyone,
    /// Clients with a key.
    Keys(Arc<KeyRing>),
}

impl KeySettings {
    /// Reads the keys, if any are set.
    ///
    /// # Errors
    /// Names the setting that is wrong.
    fn access(&self) -> Result<Access, SettingsError> {
        let (plain, file) = (self.plain_keys(), self.key_file());
        if plain.is_empty() && file.is_none() {
            return Ok(Access::Everyone);
        }
        if self.allow_anonymous {
            let problem = format!("must not be true while there are keys ({FILE} or {PLAIN})");
            return Err(SettingsError::new(ANONYMOUS, problem));
        }
        let is_key = |key: &&str| {
            key.len() >= MIN_PLAIN_KEY_CHARS && key.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !plain.iter().all(is_key) {
            let problem = format!(
                "each key must have {MIN_PLAIN_KEY_CHARS} ASCII characters or more, and no space"
            );
            return Err(SettingsError::new(PLAIN, problem));
        }
        let ring = KeyRing::new(plain, self.own.as_ref());
        if let Some(path) = file {
            let wrong = |problem: String| SettingsError::new(FILE, format!("{path}: {problem}"));
            let file = KeyFile::read(path.as_path()).map_err(|error| wrong(error.to_string()))?;
            if file.entries.is_empty() {
                return Err(wrong("has no key; `linkrelay keys add` makes one".to_owned()));
            }
            ring.replace(&file);
        }
        Ok(Access::Keys(Arc::new(ring)))
    }

    /// Reads the keys of a server that has work without clients, on this address, which `setting`
    /// gives. A file that became wrong closes it, and never opens it to everyone.
    ///
    /// # Errors
    /// Names the setting that is wrong, other than the file.
    pub fn service_at(
        &self,
        setting: &'static str,
        addr: SocketAddr,
    ) -> Result<Service, SettingsError> {
        match self.access() {
            Ok(Access::Everyone) if !self.may_be_open(addr) => {
                Ok(Service::Closed(Self::closed(setting, addr)))
            }
            Ok(access) => Ok(Service::Open(access)),
            Err(wrong) if wrong.setting == FILE => Ok(Service::Closed(wrong)),
            Err(wrong) => Err(wrong),
        }
    }

    /// Reads the keys of a server that must serve clients on this address, which `setting` gives.
    ///
    /// # Errors
    /// Names the setting that is wrong, the file as well; `setting` if there are no keys and others
    /// than this machine can reach the address.
    pub fn access_needed_at(
        &self,
        setting: &'static str,
        addr: SocketAddr,
    ) -> Result<Access, SettingsError> {
        match self.service_at(setting, addr)? {
            Service::Open(access) => Ok(access),
            Service::Closed(reason) => Err(reason),
        }
    }

    /// Returns the file of keys, if one is set; an empty setting counts as not set.
    pub fn key_file(&self) -> Option<&KeyPath> {
        self.file.as_ref().filter(|path| !path.as_path().as_os_str().is_empty())
    }

    fn may_be_open(&self, addr: SocketAddr) -> bool {
        self.allow_anonymous || addr.ip().to_canonical().is_loopback()
    }

    /// Returns the error of a server without keys on an address that others may reach.
    fn closed(setting: &'static str, addr: SocketAddr) -> SettingsError {
        let problem = format!(
            "others can reach {addr}, and there are no keys: make one (`linkrelay keys add --file \
             keys --name me`) and set {FILE}=keys, or set {ANONYMOUS}=true to serve everyone"
        );
        SettingsError::new(setting, problem)
    }

    fn plain_keys(&self) -> Vec<&str> {
        let keys = self.plain.as_ref().map_or("", |keys| keys.expose_secret());
        keys.split(',').map(str::trim).filter(|key| !key.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_wrong_setting_is_named_and_no_key_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| Some(KeyPath::from(folder.path().join(name)));
        std::fs::write(folder.path().join("empty"), "# nothing\n").unwrap();
        std::fs::write(folder.path().join("wrong"), "x").unwrap();
        let key = "sixteen-letters!";
        let plain = |keys: &str| Some(SecretString::from(keys.to_owned()));
        for (settings, setting) in [
            (KeySettings { plain: plain("too-short"), ..KeySettings::default() }, PLAIN),
            (KeySettings { plain: plain("of 16 with a space"), ..KeySettings::default() }, PLAIN),
            (
                KeySettings { plain: plain(key), allow_anonymous: true, ..KeySettings::default() },
                ANONYMOUS,
            ),
            (KeySettings { file: path("missing"), ..KeySettings::default() }, FILE),
            (KeySettings { file: path("empty"), ..KeySettings::default() }, FILE),
            (KeySettings { file: path("wrong"), ..KeySettings::default() }, FILE),
        ] {
            let error = settings.access().expect_err(setting);
            assert_eq!(error.setting, setting, "{error}");
            assert!(!error.to_string().contains("-short"), "{error}");
        }
        let settings = KeySettings { plain: plain(key), ..KeySettings::default() };
        assert!(matches!(settings.access(), Ok(Access::Keys(_))));
        let empty = KeySettings { plain: plain(" , "), ..KeySettings::default() };
        assert!(matches!(empty.access(), Ok(Access::Everyone)));
    }

    #[test]
    fn only_loopback_is_open_by_default() {
        for (addr, is_open) in [
            ("127.0.0.1:3000", true),
            ("127.9.9.9:3000", true),
            ("[::1]:3000", true),
            ("[::ffff:127.0.0.1]:3000", true),
            ("0.0.0.0:3000", false),
            ("[::]:3000", false),
            ("192.168.1.1:3000", false),
        ] {
            let addr = addr.parse().unwrap();
            let service = KeySettings::default().service_at("HTTP_ADDR", addr).unwrap();
            assert_eq!(matches!(service, Service::Open(_)), is_open, "{addr}");
            let needed = KeySettings::default().access_needed_at("HTTP_ADDR", addr);
            assert_eq!(needed.is_ok(), is_open, "{addr}");
            let settings = KeySettings { allow_anonymous: true, ..KeySettings::default() };
            assert!(matches!(settings.access_needed_at("HTTP_ADDR", addr), Ok(Access::Everyone)));
            let plain = Some(SecretString::from("sixteen-letters!"));
            let settings = KeySettings { plain, ..KeySettings::default() };
            assert!(matches!(settings.access_needed_at("HTTP_ADDR", addr), Ok(Access::Keys(_))));
            // A wrong file closes a server on every address.
            let settings = KeySettings {
                file: Some(KeyPath::from(PathBuf::from("/nowhere"))),
                ..KeySettings::default()
            };
            match settings.service_at("HTTP_ADDR", addr).unwrap() {
                Service::Closed(reason) => assert_eq!(reason.setting, FILE),
                Service::Open(access) => panic!("{addr} serves {access:?}"),
            }
        }
    }
}
