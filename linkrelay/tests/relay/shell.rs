use std::collections::BTreeSet;
use std::process::Command;

use crate::helpers::{Said, binary, run};

fn linkrelay(arguments: &[&str]) -> Said {
    run(Command::new(binary("linkrelay")).args(arguments))
}

/// The names of the commands, as the help lists them.
fn commands() -> BTreeSet<String> {
    let help = linkrelay(&["--help"]).done();
    let (_, rest) = help.split_once("Commands:\n").unwrap();
    let names = rest.lines().take_while(|line| !line.is_empty());
    let names = names.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shell_completes_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = linkrelay(&["completions", shell]).done();
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
        assert!(script.contains("max-replays"), "{shell}: the options of `dlq replay`");
    }
    let wrong = linkrelay(&["completions", "rubbish"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.stderr.contains("bash"), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bash_completes_a_command_and_an_option() {
    let script = linkrelay(&["completions", "bash"]).done();
    let complete = |words: &str, last: usize| {
        let ask = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={last}; \
             _linkrelay linkrelay \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{last}-1]}}\"; \
             echo \"${{COMPREPLY[*]}}\""
        );
        run(Command::new("bash").args(["--norc", "-c", &ask])).done()
    };
    assert_eq!(complete("linkrelay stat", 1).trim(), "status");
    assert_eq!(complete("linkrelay dlq rep", 2).trim(), "replay");
    assert_eq!(complete("linkrelay dlq replay --max-rep", 3).trim(), "--max-replays");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("share/man/man1");
    let out_text = out.display().to_string();
    linkrelay(&["man", "--out", &out_text]).done();
    let page = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let own = page("linkrelay.1");
    for command in commands().iter().filter(|name| *name != "help") {
        let written = command.replace('-', "\\-");
        assert!(own.contains(&format!("linkrelay\\-{written}")), "{command}");
        page(&format!("linkrelay-{command}.1"));
    }
    let replay = page("linkrelay-dlq-replay.1");
    assert!(replay.contains("max\\-replays") && replay.contains("DLQ_MAX_REPLAYS"), "{replay}");

    std::fs::write(folder.path().join("file"), "").unwrap();
    let blocked = linkrelay(&["man", "--out", &folder.path().join("file").display().to_string()]);
    assert_eq!(blocked.code, Some(1));
    assert!(blocked.stderr.contains("cannot write to"), "{blocked:?}");
}
