//! Valid and invalid settings.

use clap::{CommandFactory, Parser};

use super::*;

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    settings: ExtractorSettings,
}

fn problem(change: impl FnOnce(&mut ExtractorSettings)) -> String {
    let mut settings = ExtractorSettings::default();
    change(&mut settings);
    settings.build().unwrap_err().to_string()
}

#[test]
fn the_arguments_are_well_formed_and_their_defaults_work() {
    Command::command().debug_assert();
    ExtractorSettings::default().build().unwrap();
}

#[test]
fn both_kinds_of_defaults_agree() {
    // The values are given as arguments, so that this process's environment does not matter.
    let command = Command::command();
    let defaults = command.get_arguments().filter_map(|argument| {
        let value = argument.get_default_values().first()?.to_str()?;
        Some(format!("--{}={value}", argument.get_long()?))
    });
    let given = Command::parse_from(std::iter::once("x".to_owned()).chain(defaults)).settings;
    let default = ExtractorSettings::default();
    // The debug form has every field; secrets are redacted.
    assert_eq!(format!("{given:?}"), format!("{default:?}"));
}

#[cfg(feature = "rusty-ytdl")]
const KNOWN: &str = "known are data_api, watch_page, innertube, rusty_ytdl, oembed";
#[cfg(not(feature = "rusty-ytdl"))]
const KNOWN: &str = "known are data_api, watch_page, innertube, oembed";

#[test]
fn a_wrong_strategy_is_named_with_the_known_ones() {
    let unknown = problem(|settings| settings.extractors = "watch_page, magic".to_owned());
    assert_eq!(unknown, format!("EXTRACTORS: there is no strategy \"magic\" ({KNOWN})"));
    let twice = problem(|settings| settings.extractors = "watch_page,watch_page".to_owned());
    assert!(twice.starts_with("EXTRACTORS: \"watch_page\" is listed twice"), "{twice}");
    let none = problem(|settings| settings.extractors = String::new());
    assert!(none.starts_with("EXTRACTORS: there is no strategy \"\""), "{none}");
}

#[cfg(not(feature = "rusty-ytdl"))]
#[test]
fn a_build_without_rusty_ytdl_says_so() {
    let missing = problem(|settings| settings.extractors = "watch_page,rusty_ytdl".to_owned());
    assert_eq!(missing, format!("EXTRACTORS: this build of linkrelay has no rusty_ytdl ({KNOWN})"));
}

#[cfg(feature = "rusty-ytdl")]
#[test]
fn threads_for_rusty_ytdl_are_bounded() {
    for count in [0, 65] {
        let threads = problem(|settings| settings.extractor_cpu_threads = count);
        assert_eq!(threads, "EXTRACTOR_CPU_THREADS: must be from 1 to 64");
    }
}

#[test]
fn the_key_is_needed_by_one_strategy_and_shown_by_no_error() {
    let build = |key: Option<&str>| {
        let settings = ExtractorSettings {
            extractors: "data_api".to_owned(),
            youtube_api_key: key.map(SecretString::from),
            ..ExtractorSettings::default()
        };
        (settings.build().map_err(|error| error.to_string()), format!("{settings:?}"))
    };
    for missing in [None, Some("")] {
        let problem = build(missing).0.unwrap_err();
        assert!(problem.starts_with("YOUTUBE_API_KEY: must be set"), "{problem}");
    }
    let (problem, shown) = build(Some("secret\n"));
    let problem = problem.unwrap_err();
    assert!(problem.starts_with("YOUTUBE_API_KEY: has characters"), "{problem}");
    assert!(!problem.contains("secret") && !shown.contains("secret"), "{problem} {shown}");
    let extractor = build(Some("secret")).0.unwrap();
    assert!(!format!("{extractor:?}").contains("secret"));
}

#[test]
fn every_other_wrong_setting_is_named() {
    type Change = fn(&mut ExtractorSettings);
    let cases: [(Change, &str); 6] = [
        (
            |it| it.youtube_base_url = Some("http://x".to_owned()),
            "YOUTUBE_BASE_URL: must be of the form https://host:port",
        ),
        (|it| it.extractor_timeout = Duration::ZERO, "EXTRACTOR_TIMEOUT: must be longer than 0"),
        // Without the strategy data_api as well.
        (
            |it| it.youtube_api_key = Some("a key\n".into()),
            "YOUTUBE_API_KEY: has characters that no key has",
        ),
        (|it| it.max_concurrent_fetches = 0, "MAX_CONCURRENT_FETCHES: must be from 1 to 10000"),
        (|it| it.cool_down_min = Duration::ZERO, "COOL_DOWN_MIN: must be longer than 0"),
        (
            |it| it.cool_down_max = Duration::from_millis(1),
            "COOL_DOWN_MAX: must not be shorter than COOL_DOWN_MIN",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(problem(change), expected);
    }
    for rate in [-1.0, f64::NAN, f64::INFINITY, 1e-9] {
        let rate = problem(|settings| settings.requests_per_second = rate);
        assert!(rate.starts_with("REQUESTS_PER_SECOND: must be"), "{rate}");
    }
}

#[test]
fn a_certificate_file_must_hold_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let missing = problem(|s| s.youtube_ca_cert = Some(folder.path().join("none.pem")));
    assert!(missing.starts_with("YOUTUBE_CA_CERT: cannot read"), "{missing}");
    for (name, content) in [
        ("empty.pem", ""),
        ("words.pem", "no certificate"),
        ("broken.pem", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"),
        ("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let problem = problem(|settings| settings.youtube_ca_cert = Some(path));
        assert!(problem.starts_with("YOUTUBE_CA_CERT: "), "{name}: {problem}");
    }
}

#[test]
fn proxies_are_checked_and_shown_by_nothing() {
    let wrong = problem(|settings| settings.proxy_urls = Some("user:hunter2@proxy".into()));
    assert!(wrong.starts_with("PROXY_URLS: the URL number 1 must be"), "{wrong}");
    assert!(!wrong.contains("hunter2"), "{wrong}");
    let many = problem(|settings| {
        settings.proxy_urls = Some("http://a:1,http://b:1".into());
        settings.max_concurrent_fetches = 1;
    });
    let expected = "PROXY_URLS: has 2 proxies for 1 concurrent requests (MAX_CONCURRENT_FETCHES)";
    assert_eq!(many, expected);
    let settings = ExtractorSettings {
        proxy_urls: Some("socks5://user:hunter2@proxy:1080".into()),
        ..ExtractorSettings::default()
    };
    let extractor = settings.build().unwrap();
    assert!(!format!("{settings:?} {extractor:?}").contains("hunter2"));
}

#[test]
fn empty_values_count_as_not_set() {
    let settings = ExtractorSettings {
        proxy_urls: Some(String::new().into()),
        youtube_base_url: Some(String::new()),
        youtube_ca_cert: Some(PathBuf::new()),
        ..ExtractorSettings::default()
    };
    settings.build().unwrap();
}

#[test]
fn each_part_can_be_tried_alone() {
    let mut settings = ExtractorSettings {
        extractors: "data_api,watch_page,oembed".to_owned(),
        proxy_urls: Some("http://user:hunter2@a:1, http://b:1".into()),
        ..ExtractorSettings::default()
    };
    let parts = settings.parts_alone().unwrap();
    let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["data_api", "watch_page", "oembed", "proxy 1, a:1", "proxy 2, b:1"]);
    let asked: Vec<_> = parts.iter().map(|part| part.settings.extractors.as_str()).collect();
    assert_eq!(asked, ["data_api", "watch_page", "oembed", "watch_page", "watch_page"]);
    assert!(!format!("{parts:?}").contains("hunter2"));
    parts[3].settings.build().unwrap();
    settings.proxy_urls = Some("http://a:1".into());
    assert_eq!(settings.parts_alone().unwrap().len(), 3, "the strategies already use the proxy");
}
