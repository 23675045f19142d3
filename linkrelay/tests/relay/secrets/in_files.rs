use futures::future::join_all;

use super::{CASES, Given, command_line::Entry, ended, environment, given, has_file, markers};

/// Each role and command, with each of its secrets that can be in a file.
fn pairs() -> Vec<(Entry, String)> {
    let of = |entry: Entry| {
        let secrets: Vec<String> =
            entry.secrets().filter(|secret| has_file(secret)).map(str::to_owned).collect();
        secrets.into_iter().map(move |secret| (entry.clone(), secret))
    };
    Entry::all().into_iter().flat_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_no_file_can_give_ends_every_command_and_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, contents: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path.display().to_string()
    };
    let missing = folder.path().join("missing").display().to_string();
    let wrong = [
        (missing, "cannot be read"),
        (folder.path().display().to_string(), "cannot be read"),
        (file("empty", b"\n"), "is empty"),
        (file("binary", b"\xff"), "is not UTF-8"),
        (file("large", &vec![b'a'; 200_000]), "is larger than"),
    ];
    let pairs = pairs();
    assert!(pairs.len() > 10, "{pairs:?}");
    for (path, problem) in &wrong {
        let runs = pairs.iter().map(async |(entry, secret)| {
            let variable = format!("{secret}_FILE");
            let mut command = entry.command(path);
            command.envs(environment(folder.path())).env(&variable, path);
            let said = ended(command).await;
            let wanted = format!("error: {variable}: the file {path} {problem}");
            assert!(said.stderr.starts_with(&wanted), "{}: {}", entry.name(), said.all());
            assert_eq!(said.code, Some(2), "{}", entry.name());
        });
        join_all(runs).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_not_taken_from_a_variable_and_a_file_together() {
    let folder = tempfile::tempdir().unwrap();
    let markers = markers();
    let runs = pairs().into_iter().map(async |(entry, secret)| {
        let value = super::case(&secret).value.replace("{}", markers.of(&secret));
        let file = given(Given::File, &secret, &value, folder.path());
        let mut command = entry.command("unused");
        command.envs(environment(folder.path())).envs([file]).env(&secret, &value);
        let said = ended(command).await;
        let wanted = format!("error: {secret} and {secret}_FILE are both given");
        assert!(said.stderr.starts_with(&wanted), "{}: {}", entry.name(), said.all());
        assert_eq!(said.code, Some(2), "{}", entry.name());
        assert!(!said.all().contains(markers.of(&secret)), "{}", said.all());
    });
    join_all(runs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_secret_is_refused_by_name_from_wherever_it_comes() {
    let (folder, secrets) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let markers = markers();
    for case in &CASES {
        let malformed =
            case.malformed.iter().map(|value| value.replace("{}", markers.of(case.secret)));
        for (number, value) in malformed.enumerate() {
            let mut sources = vec![Given::Variable];
            sources.extend(has_file(case.secret).then_some(Given::File));
            for source in sources {
                let with_it = Entry::all()
                    .into_iter()
                    .filter(|entry| entry.settings.contains_key(case.secret));
                let setting = given(source, case.secret, &value, secrets.path());
                let runs = with_it.map(async |entry| {
                    let mut command = entry.command("unused");
                    command.envs(environment(folder.path())).envs([setting.clone()]);
                    let said = ended(command).await;
                    let what = format!("{} {source:?} {number}", entry.name());
                    if entry.is_role() {
                        assert_eq!(said.code, Some(2), "{what}: {}", said.all());
                        assert!(said.stderr.contains(case.secret), "{what}: {}", said.all());
                    }
                    let output = folder.path().join(what.replace(' ', "-"));
                    std::fs::write(output, said.all()).unwrap();
                });
                join_all(runs).await;
            }
        }
    }
    assert_eq!(markers.found_in(folder.path()), Vec::<String>::new());
}
