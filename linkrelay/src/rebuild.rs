//! `linkrelay rebuild-videos`: makes the rows of videos from the documents in the store, while
//! producers and consumers run.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use linkrelay_common::{DocumentId, shutdown};
use linkrelay_store::videos::rebuild::without_documents;
use linkrelay_store::{Store, StoreSettings};

use crate::data_dir;
use crate::exit::Outcome;
use crate::progress::Progress;
use crate::quoted::quoted;

/// How many documents or rows are read at a time.
const PAGE: u32 = 500;

/// From where to go on, and in which store.
#[derive(Debug, Args)]
pub(crate) struct RebuildArguments {
    /// Go on behind this document, as an interrupted run says
    #[arg(long, value_name = "ID")]
    after: Option<String>,

    #[command(flatten)]
    store: StoreSettings,
}

pub(crate) async fn run(arguments: RebuildArguments) -> anyhow::Result<Outcome> {
    let stop = shutdown::on_signal().context("signals cannot be received")?;
    let store = data_dir::open(&arguments.store).await?;
    let after = arguments.after.map(DocumentId::from_stored);
    let mut rebuild = Rebuild { store, after, documents: 0, unreadable: 0, without: 0 };
    let ended = stop.run_until_cancelled(rebuild.run()).await;
    rebuild.conclude(ended)
}

/// A rebuild in progress.
struct Rebuild {
    store: Arc<dyn Store>,
    /// The last document whose video has its row.
    after: Option<DocumentId>,
    documents: u64,
    unreadable: u64,
    /// Rows of which no document is there.
    without: u64,
}

impl Rebuild {
    async fn run(&mut self) -> anyhow::Result<()> {
        let total = self.store.estimate_documents().await.context("reading the store")?;
        let mut progress = Progress::new("read", total);
        let made = self.make_rows(&mut progress).await.context("making the rows");
        progress.set_total(self.documents.max(total));
        progress.finish();
        made?;
        self.name_rows_without_documents().await.context("reading the rows")
    }

    async fn make_rows(&mut self, progress: &mut Progress) -> anyhow::Result<()> {
        while let Some(page) = self.store.rebuild_videos(self.after.as_ref(), PAGE).await? {
            self.after = Some(page.last);
            self.documents += page.documents;
            self.unreadable += page.unreadable;
            progress.set(self.documents);
        }
        Ok(())
    }

    /// Names the rows that no document is there for. They are not removed, because a document may
    /// still be in flight behind its row.
    async fn name_rows_without_documents(&mut self) -> anyhow::Result<()> {
        let mut after = None;
        loop {
            let rows = self.store.registers(after, PAGE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.video_id);
            for video_id in without_documents(self.store.as_ref(), &rows).await? {
                self.without += 1;
                writeln!(std::io::stdout(), "no document of {video_id}")?;
            }
        }
    }

    /// Reports what was done; `ended` is `None` after an interrupt.
    fn conclude(self, ended: Option<anyhow::Result<()>>) -> anyhow::Result<Outcome> {
        let Self { documents, unreadable, without, .. } = &self;
        writeln!(
            std::io::stdout(),
            "documents read {documents}, not readable {unreadable}, rows without documents {without}"
        )?;
        if !matches!(ended, Some(Ok(()))) {
            // An argument need not be Unicode.
            let arguments = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
            let command = command(arguments, self.after.as_ref());
            eprintln!("interrupted; go on with: {command}");
        }
        match ended {
            Some(ended) => ended
                .map(|()| if self.unreadable == 0 { Outcome::Done } else { Outcome::SomeFailed }),
            None => Ok(Outcome::SomeFailed),
        }
    }
}

/// Returns the command line that goes on behind a document. A connection string is not repeated,
/// because it may have a password.
fn command(arguments: impl Iterator<Item = String>, after: Option<&DocumentId>) -> String {
    let mut words = Vec::new();
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument.clone(), None),
        };
        match name.as_str() {
            "--after" | "--mongodb-uri" => {
                if value.is_none() {
                    arguments.next();
                }
                if name == "--mongodb-uri" {
                    words.push("--mongodb-uri \"$MONGODB_URI\"".to_owned());
                }
            }
            _ => words.push(quoted(&argument)),
        }
    }
    words.extend(after.map(|after| format!("--after {}", quoted(after.as_str()))));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_to_go_on_has_the_settings_and_no_secret() {
        let after = DocumentId::from_stored("a-1:0".to_owned());
        for (arguments, expected) in [
            (&["linkrelay", "rebuild-videos"][..], "linkrelay rebuild-videos --after a-1:0"),
            (&["l", "rebuild-videos", "--after", "x"], "l rebuild-videos --after a-1:0"),
            (&["l", "rebuild-videos", "--after=x"], "l rebuild-videos --after a-1:0"),
            (
                &["l", "rebuild-videos", "--data-dir", "it's here"],
                r"l rebuild-videos --data-dir 'it'\''s here' --after a-1:0",
            ),
            (
                &["l", "rebuild-videos", "--mongodb-uri", "mongodb://u:secret@h"],
                r#"l rebuild-videos --mongodb-uri "$MONGODB_URI" --after a-1:0"#,
            ),
            (
                &["l", "rebuild-videos", "--mongodb-uri=mongodb://u:secret@h/?a=b"],
                r#"l rebuild-videos --mongodb-uri "$MONGODB_URI" --after a-1:0"#,
            ),
        ] {
            let arguments = arguments.iter().map(|argument| (*argument).to_owned());
            assert_eq!(command(arguments, Some(&after)), expected);
        }
        let first = ["l", "rebuild-videos"].map(str::to_owned).into_iter();
        assert_eq!(command(first, None), "l rebuild-videos");
    }
}
