//! The tables of figures in the docs: made from the files of results, never typed.
//!
//! A page has a block for each table, between `<!-- figures FILE BENCHMARK … -->` and
//! `<!-- end of figures -->`. The names after the benchmark are details of its rounds, whose
//! medians become columns. `bench tables` fills the blocks, and a test holds them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::stats::{figure, median};

/// The page that has such blocks, in the root of the repository.
const PAGE: &str = "docs/PERFORMANCE.md";
const BEGIN: &str = "<!-- figures ";
const END: &str = "<!-- end of figures -->";

/// What a line of a file of results has that a table needs.
#[derive(Debug, Deserialize)]
struct ResultLine {
    benchmark: String,
    case: String,
    unit: String,
    baseline_is: String,
    target: Option<String>,
    is_met: Option<bool>,
    rounds: Vec<ResultRound>,
}

#[derive(Debug, Deserialize)]
struct ResultRound {
    ours: f64,
    baseline: Option<f64>,
    load: ResultLoad,
    details: Value,
}

#[derive(Debug, Deserialize)]
struct ResultLoad {
    load_average: f64,
}

/// Fills the blocks of the page.
///
/// # Errors
/// If the page or a file of results cannot be read, or a block names nothing.
pub(crate) fn write() -> Result<()> {
    let page = page();
    let text = fs::read_to_string(&page).context(PAGE)?;
    let filled = fill(&text, &results()).context(PAGE)?;
    if filled != text {
        fs::write(&page, filled)?;
        println!("{PAGE} has new tables");
    }
    Ok(())
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PAGE)
}

fn results() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results")
}

/// Returns the page with the table of each block.
fn fill(page: &str, results: &Path) -> Result<String> {
    let mut filled = String::with_capacity(page.len());
    let mut rest = page;
    while let Some((before, block)) = rest.split_once(BEGIN) {
        let (directive, block) = block.split_once(" -->").context("a block has no first line")?;
        let (_, after) = block.split_once(END).context("a block does not end")?;
        write!(filled, "{before}{BEGIN}{directive} -->\n{}{END}", table(directive, results)?)?;
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Returns the table that a block asks for.
fn table(directive: &str, results: &Path) -> Result<String> {
    let mut words = directive.split_whitespace();
    let (Some(file), Some(benchmark)) = (words.next(), words.next()) else {
        bail!("{directive:?} names no file and benchmark");
    };
    let details: Vec<&str> = words.collect();
    let text = fs::read_to_string(results.join(file)).with_context(|| file.to_owned())?;
    let lines = text.lines().map(serde_json::from_str).collect::<Result<Vec<ResultLine>, _>>()?;
    let mut newest: Vec<&ResultLine> = Vec::new();
    for line in lines.iter().filter(|line| line.benchmark == benchmark) {
        match newest.iter_mut().find(|other| other.case == line.case) {
            Some(other) => *other = line,
            None => newest.push(line),
        }
    }
    if newest.is_empty() {
        bail!("{file} has no {benchmark}");
    }
    let is_compared =
        newest.iter().any(|line| line.rounds.iter().any(|round| round.baseline.is_some()));
    let mut titles = vec!["case", "rounds", "figure"];
    titles.extend(is_compared.then_some(["compared with", "ratio"]).into_iter().flatten());
    titles.extend(["target", "load"]);
    let names: Vec<String> = details.iter().map(|name| format!("`{name}`")).collect();
    titles.extend(names.iter().map(String::as_str));
    let mut table = row(titles.iter().map(|title| (*title).to_owned()));
    table.push_str(&row(titles.iter().map(|_| "---".to_owned())));
    for line in newest {
        table.push_str(&row(cells(line, is_compared, &details)));
    }
    Ok(table)
}

fn cells(line: &ResultLine, is_compared: bool, details: &[&str]) -> Vec<String> {
    let of = |value: &dyn Fn(&ResultRound) -> Option<f64>| -> Vec<f64> {
        line.rounds.iter().filter_map(value).collect()
    };
    let ours = spread(&of(&|round| Some(round.ours)));
    let mut cells =
        vec![line.case.clone(), line.rounds.len().to_string(), format!("{ours} {}", line.unit)];
    if is_compared {
        let baseline = of(&|round| round.baseline);
        let ratios = of(&|round| Some(round.ours / round.baseline?));
        let compared = match baseline.as_slice() {
            [] => String::new(),
            _ => format!("{}: {}", line.baseline_is, figure(median(&baseline))),
        };
        cells.extend([compared, ratio(&ratios)]);
    }
    let target = line.target.as_deref().map_or_else(String::new, |target| {
        format!("{target}: {}", if line.is_met == Some(true) { "met" } else { "**missed**" })
    });
    cells.extend([target, format!("{:.1}", median(&of(&|round| Some(round.load.load_average))))]);
    cells.extend(details.iter().map(|name| {
        let pointer = format!("/{}", name.replace('.', "/"));
        match of(&|round| round.details.pointer(&pointer)?.as_f64()).as_slice() {
            [] => String::new(),
            values => precise(median(values)),
        }
    }));
    cells
}

/// Returns the least, the middle and the greatest value; one alone if there is only one.
fn spread(values: &[f64]) -> String {
    three(values, figure)
}

fn ratio(values: &[f64]) -> String {
    if values.is_empty() { String::new() } else { three(values, |value| format!("{value:.3}")) }
}

fn three(values: &[f64], write: impl Fn(f64) -> String) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let middle = write(median(values));
    if values.len() < 2 {
        return format!("**{middle}**");
    }
    format!("{} · **{middle}** · {}", write(least), write(greatest))
}

/// Returns a detail: a ratio or a short time needs more digits than a rate.
fn precise(value: f64) -> String {
    if value.abs() < 10.0 && value.fract() != 0.0 { format!("{value:.3}") } else { figure(value) }
}

fn row(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().collect();
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_the_page_are_those_of_the_results() {
        let text = fs::read_to_string(page()).unwrap();
        let filled = fill(&text, &results()).unwrap();
        assert!(filled == text, "{PAGE}: run `make bench ARGS=tables`");
    }

    #[test]
    fn a_block_has_the_newest_line_of_each_case() {
        let folder = tempfile::tempdir().unwrap();
        let round = |ours: f64| {
            format!(
                r#"{{"ours":{ours},"baseline":200,"load":{{"load_average":0.5}},"details":{{"a":{{"b":1.5}}}}}}"#
            )
        };
        let line = |case: &str, rounds: &str| {
            format!(
                r#"{{"benchmark":"drain","case":"{case}","unit":"links/s","baseline_is":"sleepers","target":"ratio >= 0.6","is_met":false,"rounds":[{rounds}]}}"#
            )
        };
        let rounds = [round(120.0), round(100.0), round(110.0)].join(",");
        let lines = [line("x", &round(1.0)), line("y", &round(100.0)), line("x", &rounds)];
        fs::write(folder.path().join("f.jsonl"), lines.join("\n")).unwrap();
        let page = "a\n<!-- figures f.jsonl drain a.b c -->\nold\n<!-- end of figures -->\nb";
        let expected = "a\n<!-- figures f.jsonl drain a.b c -->\n\
            | case | rounds | figure | compared with | ratio | target | load | `a.b` | `c` |\n\
            | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n\
            | x | 3 | 100 · **110** · 120 links/s | sleepers: 200 | 0.500 · **0.550** · 0.600 | ratio >= 0.6: **missed** | 0.5 | 1.500 |  |\n\
            | y | 1 | **100** links/s | sleepers: 200 | **0.500** | ratio >= 0.6: **missed** | 0.5 | 1.500 |  |\n\
            <!-- end of figures -->\nb";
        let filled = fill(page, folder.path()).unwrap();
        assert_eq!(filled, expected);
        assert_eq!(fill(&filled, folder.path()).unwrap(), filled);
        for wrong in ["f.jsonl", "f.jsonl store", "g.jsonl drain"] {
            let page = format!("<!-- figures {wrong} --><!-- end of figures -->");
            assert!(fill(&page, folder.path()).is_err(), "{wrong}");
        }
    }
}
