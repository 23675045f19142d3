//! TLS and SASL: which of librdkafka's mechanisms linkrelay supports, and where a client looks for
//! the certificates that it trusts.

use std::fs::File;

use super::pass_through::PassThrough;
use linkrelay_common::settings::SettingsError;

/// What works with the OpenSSL that librdkafka is built with.
const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
const WHAT_WORKS: &str = "what works: sasl.mechanism=PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 with \
                          sasl.username and sasl.password, or security.protocol=SSL with a client \
                          certificate";

/// Mechanisms that operators set, and why each does not work.
const REFUSED: [(&str, &str); 4] = [
    ("OAUTHBEARER", "OAUTHBEARER (OIDC) is not built in"),
    ("AWS_MSK_IAM", "AWS_MSK_IAM is known to the Java client alone (MSK also takes SCRAM-SHA-512)"),
    ("GSSAPI", "GSSAPI (Kerberos) is not built in"),
    ("EXTERNAL", "EXTERNAL is not one of Kafka's mechanisms"),
];

/// Keys of mechanisms that do not work, by how they begin, and what they belong to.
const REFUSED_KEYS: [(&str, &str); 7] = [
    ("sasl.oauthbearer.", "belongs to OAUTHBEARER (OIDC), which is not built in"),
    ("enable.sasl.oauthbearer.", "belongs to OAUTHBEARER (OIDC), which is not built in"),
    ("sasl.kerberos.", "belongs to GSSAPI (Kerberos), which is not built in"),
    ("sasl.jaas.config", "belongs to the Java client"),
    ("sasl.client.callback.handler.class", "belongs to the Java client (as for AWS_MSK_IAM)"),
    ("sasl.login.", "belongs to the Java client"),
    ("ssl.truststore.", "belongs to the Java client: set ssl.ca.location to a PEM file instead"),
];

/// Settings with the names of files of certificates and keys. They are checked before librdkafka is
/// asked, which would quote a key that was written instead of its file's name.
const FILES: [&str; 5] = [
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "ssl.crl.location",
];
const PROBE: &str = "probe";

/// Refuses what cannot work, before any broker is asked.
///
/// # Errors
/// [`SettingsError`], which names the variable and the key.
pub(super) fn validate(settings: &PassThrough) -> Result<(), SettingsError> {
    validate_mechanism(settings)?;
    for (prefix, what) in REFUSED_KEYS {
        if let Some(key) = settings.key_with_prefix(prefix) {
            // The remainder of the key may be a part of a secret.
            let keys = if prefix.ends_with('.') { format!("{prefix}*") } else { prefix.to_owned() };
            let problem = format!("{keys} {what}; {WHAT_WORKS}");
            return Err(SettingsError::new(settings.variable_of(key), problem));
        }
    }
    for key in FILES {
        let file = settings.get(key).filter(|file| !is_probe(key, file));
        if let Some(error) = file.and_then(|file| File::open(file).err()) {
            return Err(settings.wrong(key, format!("names a file that cannot be read: {error}")));
        }
    }
    Ok(())
}

fn validate_mechanism(settings: &PassThrough) -> Result<(), SettingsError> {
    let key = "sasl.mechanism";
    let problem = match settings.get(key) {
        None if is_sasl(settings) => "it is not set, and security.protocol requires it",
        None => return Ok(()),
        Some(mechanism) if MECHANISMS.contains(&mechanism) => return Ok(()),
        Some(mechanism) => {
            let refused = REFUSED.iter().find(|(name, _)| mechanism.eq_ignore_ascii_case(name));
            refused.map_or("its value is not one of Kafka's mechanisms", |(_, why)| *why)
        }
    };
    let problem = format!("{key}: {problem}; {WHAT_WORKS}");
    Err(SettingsError::new(settings.variable_of(key), problem))
}

/// Returns where to look for trusted certificates, unless it was set: where distributions keep
/// them. Otherwise a vendored OpenSSL looks in its own directory, which does not exist.
pub(super) fn ca_location(settings: &PassThrough) -> Option<&'static str> {
    let is_set = ["ssl.ca.location", "ssl.ca.pem"].iter().any(|key| settings.get(key).is_some());
    // OpenSSL's own variables, which probing would ignore.
    let is_in_environment =
        ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some());
    (is_tls(settings) && !is_set && !is_in_environment).then_some(PROBE)
}

fn is_tls(settings: &PassThrough) -> bool {
    has_protocol(settings, &["ssl", "sasl_ssl"])
}

fn is_sasl(settings: &PassThrough) -> bool {
    has_protocol(settings, &["sasl_plaintext", "sasl_ssl"])
}

fn has_protocol(settings: &PassThrough, wanted: &[&str]) -> bool {
    let protocol = settings.get("security.protocol").unwrap_or_default();
    wanted.iter().any(|wanted| protocol.eq_ignore_ascii_case(wanted))
}

fn is_probe(key: &str, file: &str) -> bool {
    key == "ssl.ca.location" && file == PROBE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validated(text: &str) -> Result<(), SettingsError> {
        validate(&text.parse().unwrap())
    }

    #[test]
    fn what_works_is_accepted() {
        for mechanism in MECHANISMS {
            validated(&format!("security.protocol=SASL_SSL,sasl.mechanisms={mechanism}")).unwrap();
        }
        validated("security.protocol=ssl,ssl.ca.location=probe").unwrap();
        validated("security.protocol=ssl,ssl.ca.location=/").unwrap();
        validated("sasl.username=me,sasl.password=hunter2").unwrap();
    }

    #[test]
    fn what_does_not_work_is_refused_by_name_with_what_works() {
        for (text, name) in [
            ("sasl.mechanism=OAUTHBEARER,sasl.oauthbearer.method=oidc", "OAUTHBEARER"),
            ("sasl.oauthbearer.method=oidc", "OAUTHBEARER"),
            ("enable.sasl.oauthbearer.unsecure.jwt=true", "OAUTHBEARER"),
            ("sasl.mechanism=AWS_MSK_IAM,sasl.jaas.config=x", "AWS_MSK_IAM"),
            ("sasl.client.callback.handler.class=x", "AWS_MSK_IAM"),
            ("sasl.mechanism=gssapi", "GSSAPI"),
            ("sasl.kerberos.service.name=kafka", "GSSAPI"),
            ("security.protocol=sasl_ssl", "sasl.mechanism: it is not set"),
            ("sasl.mechanism=SCRAM-SHA-1", "not one of Kafka's mechanisms"),
            ("sasl.mechanism=hunter2", "not one of Kafka's mechanisms"),
            ("sasl.jaas.config=hunter2", "sasl.jaas.config"),
            ("ssl.truststore.password=hunter2", "ssl.ca.location"),
        ] {
            let said = validated(text).unwrap_err().to_string();
            assert!(said.starts_with("KAFKA_CONFIG: ") && said.contains(name), "{text}: {said}");
            assert!(said.contains(WHAT_WORKS) && !said.contains("hunter2"), "{text}: {said}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named_by_its_key() {
        for key in FILES {
            let said = validated(&format!("{key}=-----BEGIN PRIVATE KEY-----")).unwrap_err();
            assert!(said.problem.starts_with(&format!("{key} names a file")), "{said}");
            assert!(!said.problem.contains("BEGIN"), "{said}");
        }
    }

    #[test]
    fn certificates_are_looked_for_where_no_setting_names_them() {
        let found = |text: &str| ca_location(&text.parse().unwrap());
        if ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().all(|name| std::env::var_os(name).is_none()) {
            assert_eq!(found("security.protocol=SASL_SSL"), Some(PROBE));
            assert_eq!(found("security.protocol=ssl"), Some(PROBE));
        }
        for text in ["", "security.protocol=SASL_PLAINTEXT", "security.protocol=ssl,ssl.ca.pem=x"] {
            assert_eq!(found(text), None, "{text}");
        }
        assert_eq!(found("security.protocol=ssl,ssl.ca.location=/"), None);
    }
}
