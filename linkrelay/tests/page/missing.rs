use std::process::{Command, Output};

/// Runs one test of this suite where no program is found.
fn run_without_programs(ci: Option<&str>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "docs::the_pages_of_the_api_ask_nobody_else_and_break_no_rule_of_theirs",
    ]);
    command.env("PATH", "").env_remove("CI").envs(ci.map(|ci| ("CI", ci)));
    command.output().unwrap()
}

#[test]
fn without_a_browser_the_suite_says_so_and_fails_in_ci() {
    let told = run_without_programs(None);
    let said = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{told:?}");
    let line =
        "page: NO TEST OF THE PAGE RUNS: Chromium is missing: run scripts/bootstrap.sh --tests";
    assert!(said.contains(line), "{told:?}");
    assert!(String::from_utf8_lossy(&told.stdout).contains("1 passed"), "{told:?}");

    let in_ci = run_without_programs(Some("true"));
    assert!(!in_ci.status.success(), "{in_ci:?}");
    assert!(String::from_utf8_lossy(&in_ci.stdout).contains("Chromium is missing"), "{in_ci:?}");
}
