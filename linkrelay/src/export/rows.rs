//! Finds the complete rows of an answer, the cursor behind the last one, and how it ended.

use serde::Deserialize;

/// The rows of an export, over all of its answers.
#[derive(Debug)]
pub(super) struct Rows {
    is_csv: bool,
    /// Whether a header row was taken; another one is left out.
    has_header: bool,
    /// The beginning of a row.
    partial: Vec<u8>,
    count: u64,
    after: Option<String>,
    answer: Answer,
}

/// What is known of the answer that is read.
#[derive(Debug, Default)]
struct Answer {
    rows: u64,
    has_header: bool,
    is_within_quotes: bool,
    /// The number of rows that its last line says.
    end: Option<u64>,
}

/// A line of JSON: a row, the end, or an error.
#[derive(Debug, Deserialize)]
struct Line {
    cursor: Option<String>,
    #[serde(default)]
    end: bool,
    rows: Option<u64>,
    error: Option<LineError>,
}

#[derive(Debug, Deserialize)]
struct LineError {
    detail: Option<String>,
}

impl Rows {
    /// `is_continued` says that there is a header already. `after` is the cursor to begin at.
    pub(super) fn new(is_csv: bool, is_continued: bool, after: Option<String>) -> Self {
        Self {
            is_csv,
            has_header: is_continued,
            partial: Vec::new(),
            count: 0,
            after,
            answer: Answer::default(),
        }
    }

    /// How many rows were complete.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The cursor behind the last complete row.
    pub(super) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Begins another answer, which goes on behind the last complete row.
    pub(super) fn begin_answer(&mut self) {
        self.partial.clear();
        self.answer = Answer::default();
    }

    /// Takes some bytes of the answer, and adds the rows that are complete now to `complete`.
    ///
    /// # Errors
    /// A sentence, if the server says that the answer is not complete, or a line is not linkrelay's.
    pub(super) fn take(&mut self, bytes: &[u8], complete: &mut Vec<u8>) -> Result<(), String> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            // A quote that is part of a cell is doubled, and changes nothing.
            let quotes = piece.iter().filter(|byte| self.is_csv && **byte == b'"').count();
            self.answer.is_within_quotes ^= !quotes.is_multiple_of(2);
            self.partial.extend_from_slice(piece);
            if !piece.ends_with(b"\n") || self.answer.is_within_quotes {
                continue;
            }
            let row = std::mem::take(&mut self.partial);
            if self.is_csv {
                self.csv_row(&row, complete)?
            } else {
                self.line(&row, complete)?
            }
            // Its memory is used again.
            self.partial = row;
            self.partial.clear();
        }
        Ok(())
    }

    /// Checks that the answer is complete, once all of its bytes were taken.
    ///
    /// # Errors
    /// A sentence, if it is not.
    pub(super) fn end_answer(&self) -> Result<(), String> {
        let Answer { rows, end, has_header, .. } = self.answer;
        let is_complete = if self.is_csv { has_header } else { end == Some(rows) };
        if is_complete && self.partial.is_empty() {
            Ok(())
        } else if let Some(end) = end {
            Err(format!("the server says {end} rows, and {rows} came"))
        } else {
            Err("the answer was cut".to_owned())
        }
    }

    fn csv_row(&mut self, row: &[u8], complete: &mut Vec<u8>) -> Result<(), String> {
        if !self.answer.has_header {
            if !row.ends_with(b",cursor\r\n") {
                return Err("a table that is not linkrelay's".to_owned());
            }
            self.answer.has_header = true;
            if !std::mem::replace(&mut self.has_header, true) {
                complete.extend_from_slice(row);
            }
            return Ok(());
        }
        // The cursor is the last cell, and never has quotes.
        let cursor = row.rsplit(|byte| *byte == b',').next().unwrap_or_default();
        self.row(row, String::from_utf8_lossy(cursor.trim_ascii_end()).into_owned(), complete);
        Ok(())
    }

    fn line(&mut self, line: &[u8], complete: &mut Vec<u8>) -> Result<(), String> {
        let read: Line = serde_json::from_slice(line)
            .map_err(|error| format!("a line that is not linkrelay's: {error}"))?;
        if let Some(cursor) = read.cursor {
            self.row(line, cursor, complete);
        } else if read.end {
            self.answer.end = read.rows;
        } else {
            let detail = read.error.and_then(|error| error.detail);
            return Err(detail.unwrap_or_else(|| "the server has an error".to_owned()));
        }
        Ok(())
    }

    fn row(&mut self, row: &[u8], cursor: String, complete: &mut Vec<u8>) {
        complete.extend_from_slice(row);
        self.after = Some(cursor);
        self.answer.rows += 1;
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "\u{feff}title,cursor\r\n\"a\r\n\"\"b\"\"\",-5.2\r\nc,1\r\n";
    const NDJSON: &str = "{\"error\":null,\"cursor\":\"2\"}\n{\"error\":{\"code\":\"private\"},\"cursor\":\"1\"}\n{\"end\":true,\"rows\":2}\n";

    /// Takes a text piece by piece.
    fn taken(rows: &mut Rows, text: &str, piece_bytes: usize) -> (String, Result<(), String>) {
        let mut complete = Vec::new();
        rows.begin_answer();
        for piece in text.as_bytes().chunks(piece_bytes) {
            if let Err(error) = rows.take(piece, &mut complete) {
                return (String::from_utf8(complete).unwrap(), Err(error));
            }
        }
        (String::from_utf8(complete).unwrap(), rows.end_answer())
    }

    #[test]
    fn a_complete_answer_is_taken_in_any_pieces() {
        for piece_bytes in 1..40 {
            let mut rows = Rows::new(true, false, None);
            assert_eq!(taken(&mut rows, CSV, piece_bytes), (CSV.to_owned(), Ok(())));
            assert_eq!((rows.count(), rows.after()), (2, Some("1")));
            let mut rows = Rows::new(false, false, None);
            let (complete, ended) = taken(&mut rows, NDJSON, piece_bytes);
            assert_eq!((complete.lines().count(), ended), (2, Ok(())));
            assert_eq!((rows.count(), rows.after()), (2, Some("1")));
        }
    }

    #[test]
    fn an_answer_that_is_cut_anywhere_goes_on_behind_its_last_complete_row() {
        for (is_csv, text) in [(true, CSV), (false, NDJSON)] {
            let cuts = (0..text.len()).filter(|cut| text.is_char_boundary(*cut));
            for cut in cuts {
                let mut rows = Rows::new(is_csv, false, None);
                let (mut complete, ended) = taken(&mut rows, &text[..cut], 7);
                // A CSV may end behind any row: there, only the connection tells.
                assert!(ended.is_err() || is_csv, "{cut}");
                // What the server sends behind that row: a header, or the number of the others.
                let (header, others) = text.split_at(if is_csv { 17 } else { 0 });
                let others: String = match (rows.after(), is_csv) {
                    (None, _) => others.to_owned(),
                    (Some("-5.2"), _) => "c,1\r\n".to_owned(),
                    (Some(_), true) => String::new(),
                    (Some("2"), false) => others[28..].replace("rows\":2", "rows\":1"),
                    (Some(_), false) => "{\"end\":true,\"rows\":0}\n".to_owned(),
                };
                let (rest, ended) = taken(&mut rows, &format!("{header}{others}"), 7);
                complete.push_str(&rest);
                assert_eq!(ended, Ok(()), "{cut}");
                let expected = if is_csv { text } else { &text[..NDJSON.find("{\"end").unwrap()] };
                assert_eq!(complete, expected, "{cut}");
                assert_eq!(rows.count(), 2);
            }
        }
    }

    #[test]
    fn another_page_is_no_table() {
        let mut rows = Rows::new(true, false, None);
        let page = "<!doctype html>\r\n<title>Log in</title>\r\n";
        let (complete, ended) = taken(&mut rows, page, 7);
        assert_eq!((complete.as_str(), rows.count()), ("", 0));
        assert_eq!(ended, Err("a table that is not linkrelay's".to_owned()));
    }

    #[test]
    fn an_error_is_no_row_and_a_wrong_number_is_no_end() {
        let mut rows = Rows::new(false, false, Some("9".to_owned()));
        let text = "{\"cursor\":\"8\"}\n{\"error\":{\"detail\":\"it stops\"},\"after\":\"5\"}\n";
        assert_eq!(taken(&mut rows, text, 9).1, Err("it stops".to_owned()));
        assert_eq!(rows.after(), Some("8"));
        let text = "{\"cursor\":\"4\"}\n{\"end\":true,\"rows\":2}\n";
        let problem = taken(&mut rows, text, 9).1.unwrap_err();
        assert_eq!(problem, "the server says 2 rows, and 1 came");
        let problem = taken(&mut rows, "<html>\n", 9).1.unwrap_err();
        assert!(problem.starts_with("a line that is not linkrelay's"), "{problem}");
    }
}
