use std::fs;
use std::path::Path as File;
use std::process::Command;

use linkrelay_testkit::site as testkit;
use linkrelay_testkit::wait::ok_if;
use serde_json::{Value, json};

use crate::helpers::{Said, binary, link, nowhere, run, until};
use crate::keys::{Keys, WAITING, request, status, with_key};
use crate::role::{Role, stop, up};
use crate::site::Site;

/// Runs a server that ends without being stopped.
fn ended(arguments: &[&str], data: &File, env: &[(&str, &str)]) -> Said {
    let mut command = Command::new("timeout");
    command.arg("60").arg(binary(arguments[0])).args(&arguments[1..]);
    command.env("DATA_DIR", data).env("HTTP_ADDR", nowhere()).env("EXTRACTOR_ADDR", nowhere());
    run(command.envs(env.iter().copied()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_others_reach_does_not_start_without_keys() {
    let (data, keys) = (tempfile::tempdir().unwrap(), Keys::new());
    let (file, empty) = (keys.text(), keys.path().with_extension("empty").display().to_string());
    keys.add("me", "read");
    fs::write(&empty, "# nothing\n").unwrap();
    let up = &["linkrelay", "up", "--demo"][..];
    let producer = &["linkrelay-producer"][..];
    let anonymous = ("LINKRELAY_ALLOW_ANONYMOUS", "true");
    let open = ("HTTP_ADDR", "0.0.0.0:0");
    for (command, setting, env) in [
        (producer, "HTTP_ADDR", &[open][..]),
        (producer, "HTTP_ADDR", &[("HTTP_ADDR", "[::]:0")]),
        (up, "HTTP_ADDR", &[open]),
        (up, "EXTRACTOR_ADDR", &[("EXTRACTOR_ADDR", "0.0.0.0:0")]),
        (up, "HTTP_ADDR", &[open, ("LINKRELAY_API_KEYS", "")]),
        (up, "LINKRELAY_API_KEYS", &[open, ("LINKRELAY_API_KEYS", "0123456789abcde")]),
        (up, "LINKRELAY_API_KEYS_FILE", &[open, ("LINKRELAY_API_KEYS_FILE", "/nowhere")]),
        (up, "LINKRELAY_API_KEYS_FILE", &[open, ("LINKRELAY_API_KEYS_FILE", &empty)]),
        (up, "LINKRELAY_ALLOW_ANONYMOUS", &[anonymous, ("LINKRELAY_API_KEYS_FILE", &file)]),
    ] {
        let said = ended(command, data.path(), env);
        let shown = format!("{command:?} {env:?}: {}", said.all());
        assert_eq!(said.code, Some(2), "{shown}");
        assert_eq!(said.stderr.lines().count(), 1, "{shown}");
        assert!(said.stderr.contains(&format!(": {setting}: ")), "{shown}");
        assert!(!said.stderr.contains("0123456789"), "{shown}");
        if setting.ends_with("_ADDR") {
            let ways = ["linkrelay keys add", "LINKRELAY_ALLOW_ANONYMOUS=true"];
            assert!(ways.into_iter().all(|way| said.stderr.contains(way)), "{shown}");
        }
    }
    // Nothing was made before that was known.
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_address_is_served_with_keys_or_when_that_is_said() {
    let data = tempfile::tempdir().unwrap();
    let key = "a-key-of-a-first-try";
    for (setting, value, without) in
        [("LINKRELAY_ALLOW_ANONYMOUS", "true", 200), ("LINKRELAY_API_KEYS", key, 401)]
    {
        let open = [
            ("EXTRACTOR_ADDR", format!("0.0.0.0:{}", port())),
            // The names of the API are not those by which producers ask the extractor server.
            ("ALLOWED_HOSTS", "links.example.org".to_owned()),
            (setting, value.to_owned()),
        ];
        let relay = Role::start(
            testkit::Role::new("linkrelay", binary("linkrelay"))
                .map(|role| role.args(["up", "--demo"])),
            &open,
            &[("DATA_DIR", &data.path().display().to_string())],
        );
        let relay = relay.ready().await;
        assert_eq!(status(request(&relay, "GET", "/requests")).await, without);
        assert_eq!(with_key(&relay, "GET", "/requests", key).await, 200);
        assert_eq!(with_key(&relay, "POST", WAITING, key).await, 201);
        relay.stop().await;
    }
}

/// Starts a program on all addresses of this machine, as in a container.
fn on_all_addresses(program: &str, arguments: &[&str], env: &[(&str, String)]) -> Role {
    let role = testkit::Role::new(program, binary(program)).unwrap().args(arguments);
    let open = format!("0.0.0.0:{}", role.addr().port());
    Role::start(Ok(role), env, &[("HTTP_ADDR", &open)])
}

/// The status of a request that names its server like this.
async fn as_host(role: &Role, method: &str, path: &str, host: &str) -> u16 {
    status(request(role, method, path).header("host", host)).await
}

/// Names that a page can have lead to any address.
const OF_OTHERS: [&str; 4] =
    ["evil.test:3000", "producer.evil.test", "links", "localhost.evil.test"];

#[tokio::test(flavor = "multi_thread")]
async fn no_page_reaches_a_container_without_keys_by_a_name_of_its_own() {
    let data = tempfile::tempdir().unwrap();
    let env = [
        // The line of the README for the image.
        ("LINKRELAY_ALLOW_ANONYMOUS", "true".to_owned()),
        ("DATA_DIR", data.path().display().to_string()),
        ("EXTRACTOR_ADDR", nowhere()),
    ];
    let relay = on_all_addresses("linkrelay", &["up", "--demo"], &env).ready().await;
    for host in OF_OTHERS {
        assert_eq!(as_host(&relay, "GET", "/requests", host).await, 421, "{host}");
        assert_eq!(as_host(&relay, "POST", WAITING, host).await, 421, "{host}");
        assert_eq!(as_host(&relay, "GET", "/health/live", host).await, 200, "{host}");
    }
    for host in ["localhost:3000", "127.0.0.1:3000", "192.0.2.7:3000", "[2001:db8::1]"] {
        assert_eq!(as_host(&relay, "GET", "/requests", host).await, 200, "{host}");
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_of_the_compose_file_are_those_by_which_its_containers_ask() {
    let file = File::new(env!("CARGO_MANIFEST_DIR")).join("../docker-compose.yml");
    let mut compose: serde_norway::Value =
        serde_norway::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    compose.apply_merge().unwrap();
    let of_compose = |service: &str, name: &str| {
        compose["services"][service]["environment"][name].as_str().unwrap().to_owned()
    };
    let site = Site::new().await;
    let env = |service: &str| {
        assert!(of_compose(service, "HTTP_ADDR").starts_with("0.0.0.0:"));
        let names = ["LINKRELAY_ALLOW_ANONYMOUS", "ALLOWED_HOSTS"];
        let who = names.map(|name| (name, of_compose(service, name)));
        [site.env(), who.to_vec()].concat()
    };
    let consumer = on_all_addresses("linkrelay-consumer", &[], &env("consumer"));
    let env = [env("producer"), vec![("EXTRACTOR_URL", consumer.url())]].concat();
    let producer = on_all_addresses("linkrelay-producer", &[], &env);
    let (producer, consumer) = (producer.ready().await, consumer.ready().await);
    let extractor_url = of_compose("producer", "EXTRACTOR_URL");
    let consumer_name = extractor_url.trim_start_matches("http://");
    assert_eq!(as_host(&consumer, "POST", "/links", consumer_name).await, 201);
    for host in ["localhost:3000", "127.0.0.1:3000", "producer:3000"] {
        assert_eq!(as_host(&producer, "POST", WAITING, host).await, 201, "{host}");
    }
    for host in OF_OTHERS {
        assert_eq!(as_host(&producer, "POST", WAITING, host).await, 421, "{host}");
        assert_eq!(as_host(&consumer, "POST", "/links", host).await, 421, "{host}");
    }
    let refused = request(&consumer, "POST", "/links").header("host", "evil.test").send().await;
    let problem: Value = refused.unwrap().json().await.unwrap();
    assert_eq!(problem["code"], "unknown_host", "{problem}");
    stop([producer, consumer]).await;
}

fn port() -> u16 {
    linkrelay_testkit::tools::free_port().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_without_keys_on_an_open_address_serves_health_alone() {
    let site = Site::new().await;
    let addr = format!("0.0.0.0:{}", port());
    let consumer = site.consumer(&[("HTTP_ADDR", &addr)]);
    let url = format!("http://{}", addr.replace("0.0.0.0", "127.0.0.1"));
    let client = reqwest::Client::new();
    let get = async |path: &str| client.get(format!("{url}{path}")).send().await;
    until("the consumer to be ready", async || match get("/health/ready").await {
        Ok(answer) => ok_if(answer.status() == 200, answer.status()),
        Err(error) => Err(error.to_string()),
    })
    .await;
    assert_eq!(get("/metrics").await.unwrap().status(), 200);
    let posted = client.post(format!("{url}/links")).json(&json!({ "links": link(0) }));
    assert_eq!(status(posted).await, 404);
    let log = consumer.log();
    assert!(log.contains("POST /links is not served") && log.contains("keys add"), "{log}");
    // It is a consumer all the same, and its health check works as in a container.
    let healthy = site.linkrelay(&["health", "--ready"], &[("HTTP_ADDR", &addr)]);
    assert_eq!(healthy.code, Some(0), "{}", healthy.all());
    let producer = site.ready_producer(&[]).await;
    let id = producer.post_valid(&json!(link(1))).await;
    producer.until_stored(&id, 1).await;
    stop([consumer, producer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_whose_file_of_keys_became_wrong_works_and_serves_health_alone() {
    let (site, keys) = (Site::new().await, Keys::new());
    let data = tempfile::tempdir().unwrap();
    let file = keys.text();
    let env = [("LINKRELAY_API_KEYS_FILE", file.as_str())];
    for text in [None, Some("# nothing\n"), Some("broken\n")] {
        match text {
            Some(text) => fs::write(keys.path(), text).unwrap(),
            None => assert!(!keys.path().exists()),
        }
        let consumer = site.ready_consumer(&env).await;
        let posted = request(&consumer, "POST", "/links").send().await.unwrap();
        assert_eq!(posted.status(), 404, "{text:?}");
        let log = consumer.log();
        let warned = log.lines().find(|line| line.contains("POST /links is not served"));
        let warned = warned.unwrap_or_else(|| panic!("{text:?}: {log}"));
        assert!(warned.contains("WARN") && warned.contains("LINKRELAY_API_KEYS_FILE"), "{warned}");
        assert_eq!(consumer.get("/metrics").await.0, 200);
        let more = [("HTTP_ADDR", "127.0.0.1:0"), env[0]];
        let said = ended(&["linkrelay-producer"], data.path(), &more);
        assert_eq!(said.code, Some(2), "{text:?}: {}", said.all());
        assert!(said.stderr.contains(": LINKRELAY_API_KEYS_FILE: "), "{text:?}: {}", said.all());
        consumer.stop().await;
    }
}

/// The settings of who may come in that change nothing, as the log of a role names them.
fn without_effect(role: &Role) -> Vec<String> {
    let log = role.log();
    let lines = log.lines().filter(|line| line.contains("has no effect"));
    lines
        .map(|line| {
            assert!(line.contains("WARN"), "{line}");
            line.to_owned()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_changes_nothing_is_named_at_start() {
    let (site, keys) = (Site::new().await, Keys::new());
    keys.add("me", "submit");
    let file = keys.text();
    let with_keys = ("LINKRELAY_API_KEYS_FILE", file.as_str());
    let names = ("ALLOWED_HOSTS", "links.example.org");
    let (here, elsewhere) = (("TRUSTED_PROXIES", "127.0.0.1"), ("TRUSTED_PROXIES", "10.0.0.0/8"));
    for (settings, of_producer, of_consumer) in [
        (&[names, here][..], &[][..], &[][..]),
        (&[names, with_keys, elsewhere], &["TRUSTED"], &["ALLOWED_HOSTS", "TRUSTED"]),
        (&[("ALLOWED_HOSTS", "*"), with_keys], &["ALLOWED_HOSTS"], &["ALLOWED_HOSTS"]),
        (&[("ALLOWED_HOSTS", "localhost")], &["ALLOWED_HOSTS"], &["ALLOWED_HOSTS"]),
    ] {
        let (producer, consumer) = site.roles(settings, settings).await;
        for (role, expected) in [(&producer, of_producer), (&consumer, of_consumer)] {
            let said = without_effect(role);
            assert_eq!(said.len(), expected.len(), "{settings:?}: {said:?}");
            let named = said.iter().zip(expected).all(|(line, name)| line.contains(name));
            assert!(named, "{settings:?}: {said:?}");
        }
        stop([producer, consumer]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_may_have_an_address_of_their_own() {
    let site = Site::new().await;
    let [producer_metrics, consumer_metrics, up_metrics] = [(); 3].map(|()| nowhere());
    let (producer, consumer) = site
        .roles(&[("METRICS_ADDR", &producer_metrics)], &[("METRICS_ADDR", &consumer_metrics)])
        .await;
    let data = tempfile::tempdir().unwrap();
    let relay = up(data.path(), &["--demo"], &[("METRICS_ADDR", up_metrics.clone())]).ready().await;
    for (role, addr) in
        [(&producer, producer_metrics), (&consumer, consumer_metrics), (&relay, up_metrics)]
    {
        assert_eq!(role.get("/metrics").await.0, 404);
        let metrics = reqwest::get(format!("http://{addr}/metrics")).await.unwrap();
        assert_eq!(metrics.status(), 200);
        assert!(metrics.text().await.unwrap().contains("linkrelay_http_requests_total"));
        let other = reqwest::get(format!("http://{addr}/requests")).await.unwrap();
        assert_eq!(other.status(), 404);
    }
    stop([producer, consumer, relay]).await;
}
