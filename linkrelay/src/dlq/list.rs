//! `linkrelay dlq list`: prints dead letters.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;

use clap::Args;
use jiff::Timestamp;
use linkrelay_kafka::KafkaSettings;
use linkrelay_producer::dlq::{DeadLetter, LetterFilter, LetterReader};
use linkrelay_store::StoreSettings;
use tokio_util::sync::CancellationToken;

use super::filter::FilterArguments;
use super::form::Form;
use crate::exit::Outcome;

/// The dead letters to print, and the form.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    filter: FilterArguments,

    /// Show the newest N only, the newest last
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    /// Print one JSON object per line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    kafka: KafkaSettings,

    #[command(flatten)]
    store: StoreSettings,
}

pub(super) async fn run(arguments: ListArguments) -> anyhow::Result<Outcome> {
    arguments.filter.validate()?;
    tokio::task::spawn_blocking(move || list(&arguments)).await?
}

fn list(arguments: &ListArguments) -> anyhow::Result<Outcome> {
    // A signal ends the command.
    let stop = CancellationToken::new();
    let reader = LetterReader::open(&super::source(&arguments.kafka, &arguments.store)?, &stop)?;
    let filter: LetterFilter = arguments.filter.clone().into();
    let form = Form::of_stdout(arguments.json);
    let mut out = BufWriter::new(std::io::stdout().lock());
    if let Some(heading) = form.heading() {
        writeln!(out, "{heading}")?;
    }
    let mut last = arguments.limit.map(Last::new);
    let (mut read, mut shown) = (0_u64, 0_u64);
    reader.read(&stop, |raw| {
        read += 1;
        let letter = DeadLetter::read(&raw);
        if filter.takes(&letter) {
            shown += 1;
            match &mut last {
                Some(last) => last.take(letter),
                None => writeln!(out, "{}", form.line(&letter)?)?,
            }
        }
        Ok::<_, anyhow::Error>(ControlFlow::Continue(()))
    })?;
    for letter in last.iter().flat_map(Last::letters) {
        writeln!(out, "{}", form.line(letter)?)?;
    }
    out.flush()?;
    eprintln!("{shown} of {read} dead letters");
    Ok(Outcome::Done)
}

/// The last dead letters, oldest first; never more than the limit.
struct Last {
    limit: usize,
    letters: BTreeMap<(Option<Timestamp>, i32, i64), DeadLetter>,
}

impl Last {
    fn new(limit: u32) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), letters: BTreeMap::new() }
    }

    fn take(&mut self, letter: DeadLetter) {
        self.letters.insert((letter.failed_at, letter.partition, letter.offset), letter);
        if self.letters.len() > self.limit {
            self.letters.pop_first();
        }
    }

    fn letters(&self) -> impl Iterator<Item = &DeadLetter> {
        self.letters.values()
    }
}

#[cfg(test)]
mod tests {
    use linkrelay_common::ErrorClass;

    use super::super::tests::letter;
    use super::*;

    #[test]
    fn a_limit_keeps_the_last_ones_in_order_of_time() {
        let mut last = Last::new(2);
        for second in [5, 1, 9, 3] {
            last.take(letter(ErrorClass::Transient, second));
        }
        let offsets: Vec<i64> = last.letters().map(|letter| letter.offset).collect();
        assert_eq!(offsets, [5, 9]);
    }
}
