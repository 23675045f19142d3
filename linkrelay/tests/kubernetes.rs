//! `deploy/kubernetes`, read as Kubernetes and KEDA read it, by their schemas, and against the
//! settings and routes of the roles. No cluster runs here.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

/// The environment of a role.
mod deployed;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use linkrelay_testkit::tools::kubernetes;
use serde::Deserialize as _;
use serde_norway::Value;

const ROLES: [&str; 2] = ["producer", "consumer"];
/// What a stop takes after DRAIN_TIMEOUT (`linkrelay_common::service_manager`).
const BEYOND_DRAIN: Duration = Duration::from_secs(30);
const SCALED_OBJECTS: [&str; 2] = ["keda/scale-by-prometheus.yaml", "keda/scale-by-kafka.yaml"];

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(workspace(path)).unwrap()
}

fn folder() -> PathBuf {
    workspace("deploy/kubernetes")
}

fn documents(file: &str) -> Vec<Value> {
    let text = read(&format!("deploy/kubernetes/{file}"));
    let documents = serde_norway::Deserializer::from_str(&text);
    documents.map(|document| Value::deserialize(document).unwrap()).collect()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_sequence().unwrap().iter().map(text).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value:?}")).to_owned()
}

fn seconds(value: &Value) -> Duration {
    Duration::from_secs(value.as_u64().unwrap_or_else(|| panic!("no number: {value:?}")))
}

/// The resources of the kustomization.
fn resources() -> Vec<Value> {
    let files = texts(&documents("kustomization.yaml")[0]["resources"]);
    files.iter().flat_map(|file| documents(file)).collect()
}

fn named(kind: &str, name: &str) -> Value {
    let of_kind = |resource: &Value| {
        resource["kind"].as_str() == Some(kind)
            && resource["metadata"]["name"].as_str() == Some(name)
    };
    resources().into_iter().find(of_kind).unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// The pod of a role, and its container.
fn pod(role: &str) -> (Value, Value) {
    let pod = named("Deployment", &format!("linkrelay-{role}"))["spec"]["template"].clone();
    let [container] = &pod["spec"]["containers"].as_sequence().unwrap()[..] else {
        panic!("one container: {pod:?}");
    };
    (pod.clone(), container.clone())
}

fn map(value: &Value) -> BTreeMap<String, String> {
    value.as_mapping().unwrap().iter().map(|(name, value)| (text(name), text(value))).collect()
}

fn shared_environment() -> BTreeMap<String, String> {
    map(&named("ConfigMap", "linkrelay")["data"])
}

fn own_environment(container: &Value) -> BTreeMap<String, String> {
    let variables = container["env"].as_sequence().unwrap().iter();
    variables.map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect()
}

fn validate(program: &str, arguments: &[&str], files: &[PathBuf]) -> Output {
    Command::new(kubernetes(program).unwrap()).args(arguments).args(files).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn the_manifests_are_valid_by_the_schemas_of_kubernetes_and_keda() {
    let files = texts(&documents("kustomization.yaml")[0]["resources"]);
    let files: Vec<PathBuf> = files.iter().map(|file| folder().join(file)).collect();
    let checked = validate("kubernetes-validate", &["--strict"], &files);
    assert!(checked.status.success(), "{}", said(&checked));
    assert_eq!(said(&checked).matches(" passed for resource ").count(), resources().len());
    let scaled = SCALED_OBJECTS.map(|file| folder().join(file));
    let checked = validate("keda-validate", &[], &scaled);
    assert!(checked.status.success(), "{}", said(&checked));
    if let Ok(built) = Command::new("kustomize").arg("build").arg(folder()).output() {
        assert!(built.status.success(), "{}", said(&built));
    } else {
        eprintln!("NOT CHECKED: kustomize is missing, so the kustomization was only read");
    }
}

#[test]
fn a_field_that_does_not_exist_is_found() {
    let folder = tempfile::tempdir().unwrap();
    for (program, file, right, wrong) in [
        ("kubernetes-validate", "producer.yaml", "failureThreshold:", "failuresThreshold:"),
        ("keda-validate", SCALED_OBJECTS[0], "pollingInterval:", "pollInterval:"),
        ("keda-validate", SCALED_OBJECTS[1], "scaleTargetRef:", "scaleTarget:"),
    ] {
        let text = read(&format!("deploy/kubernetes/{file}")).replacen(right, wrong, 1);
        let path = folder.path().join("wrong.yaml");
        std::fs::write(&path, text).unwrap();
        let strict: &[&str] = if program == "keda-validate" { &[] } else { &["--strict"] };
        let checked = validate(program, strict, &[path]);
        assert!(!checked.status.success(), "{file} with {wrong}: {}", said(&checked));
    }
}

#[test]
fn the_kustomization_has_every_file_and_the_image_of_this_version() {
    let kustomization = &documents("kustomization.yaml")[0];
    let listed: BTreeSet<String> = texts(&kustomization["resources"]).into_iter().collect();
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let files = files.map(|name| name.into_string().unwrap());
    let files: BTreeSet<String> =
        files.filter(|name| name.ends_with(".yaml") && name != "kustomization.yaml").collect();
    assert_eq!(listed, files);
    let [image] = &kustomization["images"].as_sequence().unwrap()[..] else { panic!("one image") };
    assert_eq!(image["newTag"].as_str(), Some(env!("CARGO_PKG_VERSION")));
    for role in ROLES {
        assert_eq!(pod(role).1["image"], image["name"]);
    }
}

#[test]
fn every_variable_is_a_setting_and_every_secret_a_mounted_file() {
    let shared = shared_environment();
    for role in ROLES {
        let (pod, container) = pod(role);
        let own = own_environment(&container);
        deployed::check_environment(role, &own, &shared);
        let settings = shared.iter().chain(&own);
        let files: Vec<_> = settings.filter(|(name, _)| name.ends_with("_FILE")).collect();
        let mounts = container["volumeMounts"].as_sequence().unwrap();
        let secrets = mounts.iter().find(|mount| mount["name"].as_str() == Some("secrets"));
        let folder = text(&secrets.unwrap()["mountPath"]);
        assert!(files.len() >= 2, "{files:?}");
        for (name, path) in files {
            assert!(path.starts_with(&format!("{folder}/")), "{role}: {name}={path}");
        }
        // No secret is a variable.
        for secret in
            deployed::settings_of(role).iter().filter_map(|name| name.strip_suffix("_FILE"))
        {
            assert!(!shared.contains_key(secret) && !own.contains_key(secret), "{secret}");
        }
        let command = texts(&container["command"]);
        assert_eq!(command, [format!("linkrelay-{role}")]);
        assert_eq!(pod["spec"]["enableServiceLinks"].as_bool(), Some(false));
    }
}

#[test]
fn kubernetes_waits_longer_than_a_stop_takes() {
    let drain = humantime::parse_duration(&shared_environment()["DRAIN_TIMEOUT"]).unwrap();
    for role in ROLES {
        let (pod, container) = pod(role);
        let before = &container["lifecycle"]["preStop"]["exec"]["command"];
        let before = match before.as_sequence() {
            Some(command) => Duration::from_secs(text(&command[1]).parse().unwrap()),
            None => Duration::ZERO,
        };
        let grace = seconds(&pod["spec"]["terminationGracePeriodSeconds"]);
        assert!(grace >= before + drain + BEYOND_DRAIN, "{role}: {grace:?}");
    }
}

#[test]
fn a_pod_may_do_nothing_that_the_restricted_standard_forbids() {
    let namespace = named("Namespace", "linkrelay");
    let enforced = &namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"];
    assert_eq!(enforced.as_str(), Some("restricted"));
    for role in ROLES {
        let (pod, container) = pod(role);
        let of_pod = &pod["spec"]["securityContext"];
        assert_eq!(of_pod["runAsNonRoot"].as_bool(), Some(true));
        assert_eq!(of_pod["seccompProfile"]["type"].as_str(), Some("RuntimeDefault"));
        // The user of the image.
        let user = of_pod["runAsUser"].as_u64().unwrap();
        assert!(read("Dockerfile").contains(&format!("--uid {user} ")), "{user}");
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"].as_bool(), Some(false));
        assert_eq!(context["readOnlyRootFilesystem"].as_bool(), Some(true));
        assert_eq!(texts(&context["capabilities"]["drop"]), ["ALL"]);
        assert_eq!(pod["spec"]["automountServiceAccountToken"].as_bool(), Some(false));
        for mount in container["volumeMounts"].as_sequence().unwrap() {
            let volumes = pod["spec"]["volumes"].as_sequence().unwrap();
            let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).unwrap();
            let is_writable = mount["readOnly"].as_bool() != Some(true);
            assert_eq!(volume.get("emptyDir").is_some(), is_writable, "{role}: {mount:?}");
        }
        assert!(container["resources"]["requests"]["memory"].is_string());
        assert!(container["resources"]["limits"]["memory"].is_string());
    }
}

#[test]
fn probes_ask_the_routes_of_health_at_the_port_where_the_role_listens() {
    for role in ROLES {
        let (_, container) = pod(role);
        for (probe, path) in [
            ("livenessProbe", "/health/live"),
            ("startupProbe", "/health/live"),
            ("readinessProbe", "/health/ready"),
        ] {
            assert_eq!(container[probe]["httpGet"]["path"].as_str(), Some(path), "{role}");
            assert_eq!(container[probe]["httpGet"]["port"].as_str(), Some("http"), "{role}");
        }
        let port = |name: &str| {
            let ports = container["ports"].as_sequence().unwrap();
            let port = ports.iter().find(|port| port["name"].as_str() == Some(name)).unwrap();
            port["containerPort"].as_u64().unwrap()
        };
        let listens = |addr: &str| addr.rsplit_once(':').unwrap().1.parse::<u64>().unwrap();
        assert_eq!(port("http"), listens(&own_environment(&container)["HTTP_ADDR"]), "{role}");
        assert_eq!(port("metrics"), listens(&shared_environment()["METRICS_ADDR"]), "{role}");
        let service = named("Service", &format!("linkrelay-{role}"));
        assert_eq!(service["spec"]["ports"][0]["port"].as_u64(), Some(port("http")));
    }
    let url = &own_environment(&pod("producer").1)["EXTRACTOR_URL"];
    assert_eq!(url, "http://linkrelay-consumer:5000");
}

#[test]
fn what_selects_pods_selects_those_of_its_role() {
    for role in ROLES {
        let name = format!("linkrelay-{role}");
        let labels = &pod(role).0["metadata"]["labels"];
        let deployment = named("Deployment", &name);
        assert_eq!(&deployment["spec"]["selector"]["matchLabels"], labels);
        assert_eq!(&named("Service", &name)["spec"]["selector"], labels);
        let budget = named("PodDisruptionBudget", &name);
        assert_eq!(&budget["spec"]["selector"]["matchLabels"], labels);
        let policy = named("NetworkPolicy", &name);
        assert_eq!(&policy["spec"]["podSelector"]["matchLabels"], labels);
        let of_both = named("NetworkPolicy", "linkrelay");
        let values = texts(&of_both["spec"]["podSelector"]["matchExpressions"][0]["values"]);
        assert!(values.contains(&name), "{values:?}");
    }
}

#[test]
fn consumers_are_scaled_by_the_tested_query_and_never_beyond_the_partitions() {
    let consumer = named("Deployment", "linkrelay-consumer");
    assert!(consumer["spec"].get("replicas").is_none(), "it is KEDA's");
    let [by_prometheus, by_kafka] = SCALED_OBJECTS.map(|file| documents(file)[0].clone());
    for object in [&by_prometheus, &by_kafka] {
        let spec = &object["spec"];
        assert_eq!(spec["scaleTargetRef"]["name"], consumer["metadata"]["name"]);
        assert_eq!(spec["minReplicaCount"].as_u64(), Some(1));
        let partitions = spec["maxReplicaCount"].as_u64().unwrap();
        assert!(read("kafka-topics.sh").contains(&format!(":-{partitions}}}")), "{partitions}");
        let behavior = &spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"];
        let one_a_minute = |direction: &str| {
            let policy = &behavior[direction]["policies"][0];
            (policy["value"].as_u64(), policy["periodSeconds"].as_u64())
        };
        assert_eq!(one_a_minute("scaleUp"), (Some(1), Some(60)));
        assert_eq!(one_a_minute("scaleDown"), (Some(1), Some(60)));
        let window = &behavior["scaleDown"]["stabilizationWindowSeconds"];
        assert_eq!(window.as_u64(), Some(300));
    }
    let settings = shared_environment();
    let kafka = &by_kafka["spec"]["triggers"][0]["metadata"];
    for (key, setting) in [
        ("bootstrapServers", "KAFKA_BROKERS"),
        ("consumerGroup", "KAFKA_GROUP_ID"),
        ("topic", "KAFKA_TOPIC"),
    ] {
        assert_eq!(kafka[key].as_str(), Some(settings[setting].as_str()));
    }
    let query = text(&by_prometheus["spec"]["triggers"][0]["metadata"]["query"]);
    let tests: Value =
        serde_norway::from_str(&read("deploy/prometheus/recording_test.yml")).unwrap();
    for case in tests["tests"].as_sequence().unwrap() {
        assert_eq!(case["promql_expr_test"][0]["expr"].as_str(), Some(query.as_str()));
    }
}
