use std::process::Command;

use futures::future::join_all;

use super::command_line::Entry;
use super::markers::Markers;
use super::shown::{Folders, lost_role};
use super::{FILE_OF_KEYS, ended, environment};
use crate::helpers::binary;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_place_of_the_path_of_its_file_is_repeated_nowhere() {
    let folders = Folders::new();
    let markers = Markers::new([FILE_OF_KEYS]);
    let marker = markers.of(FILE_OF_KEYS);
    for (number, key) in [marker.to_owned(), format!("{marker},other"), format!("lr_0123_{marker}")]
        .iter()
        .enumerate()
    {
        let mut settings = environment(&folders.make(&format!("data-{number}")));
        settings.push((FILE_OF_KEYS.to_owned(), key.clone()));
        for entry in Entry::all().into_iter().filter(Entry::is_role) {
            let name = format!("{number} {}", entry.name());
            // Records need no key, so that a consumer works without its file.
            if entry.program == "linkrelay-consumer" {
                let role = lost_role(&entry, &settings, &folders).await;
                folders.keep_all_of(role, &name, key).await;
                continue;
            }
            let mut command = entry.command("unused");
            let said = ended(take(&mut command, &settings)).await;
            assert_eq!(said.code, Some(2), "{name}: {}", said.all());
            assert!(said.stderr.contains(FILE_OF_KEYS), "{name}: {}", said.all());
            folders.keep(&format!("output of {name}"), &said.all());
        }
        for words in [&["keys", "list"][..], &["keys", "revoke", "0123"]] {
            let mut command = Command::new(binary("linkrelay"));
            let said = ended(take(command.args(words), &settings)).await;
            assert_eq!(said.code, Some(1), "{words:?}: {}", said.all());
            folders.keep(&format!("output of {number} {words:?}"), &said.all());
        }
        let helps = Entry::all().into_iter().map(async |entry| {
            let said = ended(take(&mut entry.help(), &settings)).await;
            folders.keep(&format!("help of {number} {}", entry.name()), &said.done());
        });
        join_all(helps).await;
    }
    // A key is no name for a file, and none is made.
    let key = format!("lr_01234567_{}", "0123456789abcdef".repeat(2));
    let mut command = Command::new(binary("linkrelay"));
    command.args(["keys", "add", "--name", "x"]).env(FILE_OF_KEYS, &key);
    let said = ended(command).await;
    assert_eq!(said.code, Some(1), "{}", said.all());
    assert!(said.stderr.contains("is a key") && !said.all().contains(&key), "{}", said.all());
    assert_eq!(markers.found_in(folders.path()), Vec::<String>::new());
}

/// The command with these settings, on its own.
fn take(command: &mut Command, settings: &[(String, String)]) -> Command {
    command.envs(settings.iter().cloned());
    std::mem::replace(command, Command::new("true"))
}
