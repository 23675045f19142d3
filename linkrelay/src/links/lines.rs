//! The lines of a file of any Unicode encoding, one after the other, with bounded memory.

use std::io::{BufRead, Chain, Cursor, Read as _};

use anyhow::{Context, ensure};

/// Half of what a request may have, so that each line fits into one.
const MAX_LINE_BYTES: usize = 256 * 1_024;
const HINT: &str = "save the file as UTF-8";

/// How characters are encoded, as a byte order mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16(ByteOrder),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ByteOrder {
    LittleEndian,
    BigEndian,
}

/// Reads lines; their ends are removed.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: Chain<Cursor<Vec<u8>>, R>,
    encoding: Encoding,
    /// The lines read so far.
    count: u64,
}

impl<R: BufRead> Lines<R> {
    /// Reads the byte order mark, if there is one.
    pub(super) fn new(mut reader: R) -> std::io::Result<Self> {
        let mut start = Vec::new();
        (&mut reader).take(3).read_to_end(&mut start)?;
        let (encoding, mark) = match start[..] {
            [0xff, 0xfe, ..] => (Encoding::Utf16(ByteOrder::LittleEndian), 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16(ByteOrder::BigEndian), 2),
            [0xef, 0xbb, 0xbf] => (Encoding::Utf8, 3),
            _ => (Encoding::Utf8, 0),
        };
        start.drain(..mark);
        Ok(Self { reader: Cursor::new(start).chain(reader), encoding, count: 0 })
    }

    /// Whether the text is UTF-16.
    pub(super) fn is_utf_16(&self) -> bool {
        self.encoding != Encoding::Utf8
    }

    /// Returns the next line; `None` after the last.
    ///
    /// # Errors
    /// If it cannot be read, is too long for a link, or is not of the encoding.
    pub(super) fn next_line(&mut self) -> anyhow::Result<Option<String>> {
        self.count += 1;
        let line = self.read_line().and_then(|bytes| match bytes[..] {
            [] => Ok(None),
            _ => self.encoding.decode(bytes).map(Some),
        });
        line.with_context(|| format!("line {}", self.count))
    }

    fn read_line(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            let room = MAX_LINE_BYTES + 1 - line.len();
            let read = (&mut self.reader).take(room as u64).read_until(b'\n', &mut line)?;
            if self.encoding == Encoding::Utf16(ByteOrder::LittleEndian)
                && !line.len().is_multiple_of(2)
            {
                // The second half of the character.
                (&mut self.reader).take(1).read_to_end(&mut line)?;
            }
            ensure!(
                line.len() <= MAX_LINE_BYTES,
                "it has more than {MAX_LINE_BYTES} bytes; is this a file of links?"
            );
            if read == 0 || self.encoding.ends_line(&line) {
                return Ok(line);
            }
        }
    }
}

impl Encoding {
    fn ends_line(self, line: &[u8]) -> bool {
        match self {
            Self::Utf8 => line.ends_with(b"\n"),
            Self::Utf16(ByteOrder::LittleEndian) => {
                line.len().is_multiple_of(2) && line.ends_with(b"\n\0")
            }
            Self::Utf16(ByteOrder::BigEndian) => {
                line.len().is_multiple_of(2) && line.ends_with(b"\0\n")
            }
        }
    }

    fn decode(self, bytes: Vec<u8>) -> anyhow::Result<String> {
        let of_bytes = match self {
            Self::Utf8 => {
                return String::from_utf8(bytes).with_context(|| {
                    format!("it is not UTF-8, and the file has no mark of UTF-16; {HINT}")
                });
            }
            Self::Utf16(ByteOrder::LittleEndian) => u16::from_le_bytes,
            Self::Utf16(ByteOrder::BigEndian) => u16::from_be_bytes,
        };
        let units = bytes.chunks(2).map(|pair| <[u8; 2]>::try_from(pair).map(of_bytes));
        let units: Vec<u16> =
            units.collect::<Result<_, _>>().context("it ends inside a character")?;
        String::from_utf16(&units).with_context(|| format!("it is not UTF-16 throughout; {HINT}"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    /// Reads through a buffer of this size, so that every character is at a boundary of one.
    fn lines(bytes: &[u8], buffer: usize) -> anyhow::Result<Vec<String>> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, bytes))?;
        std::iter::from_fn(|| lines.next_line().transpose()).collect()
    }

    /// The text as a whole, as it was read before there were streams.
    fn whole(bytes: &[u8]) -> Option<String> {
        let utf_16 = |bytes: &[u8], of_bytes: fn([u8; 2]) -> u16| {
            let units = bytes.chunks(2).map(|pair| <[u8; 2]>::try_from(pair).map(of_bytes));
            String::from_utf16(&units.collect::<Result<Vec<_>, _>>().ok()?).ok()
        };
        match bytes {
            [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
            [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
            _ => {
                let rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
                std::str::from_utf8(rest).ok().map(str::to_owned)
            }
        }
    }

    fn assert_same(bytes: &[u8], buffer: usize) {
        let streamed = lines(bytes, buffer).ok();
        let streamed: Option<Vec<_>> =
            streamed.as_ref().map(|all| all.iter().map(|line| line.trim()).collect());
        let text = whole(bytes);
        let wanted: Option<Vec<_>> =
            text.as_ref().map(|text| text.lines().map(str::trim).collect());
        assert_eq!(streamed, wanted, "{bytes:?}");
    }

    fn encoded(text: &str, mark: bool, encoding: u8) -> Vec<u8> {
        let text = if mark || encoding > 0 { format!("\u{feff}{text}") } else { text.to_owned() };
        match encoding {
            0 => text.into_bytes(),
            1 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }

    proptest! {
        #[test]
        fn a_stream_has_the_lines_of_the_whole_text(
            // U+0A0A and U+0A00 have the bytes of a line's end in them.
            text in "([a#\r\n \u{e9}\u{a0a}\u{a00}\u{10a}\u{1f600}]|\r\n){0,30}",
            mark in any::<bool>(),
            encoding in 0_u8..3,
            buffer in 1_usize..9,
        ) {
            assert_same(&encoded(&text, mark, encoding), buffer);
        }

        #[test]
        fn what_is_not_the_encoding_is_refused_as_in_the_whole(
            bytes in prop::collection::vec(
                prop::sample::select(vec![0, 10, 13, 65, 0xd8, 0xdc, 0xe9, 0xef, 0xbb, 0xbf, 0xfe, 0xff]),
                0..12,
            ),
            buffer in 1_usize..9,
        ) {
            assert_same(&bytes, buffer);
        }
    }

    #[test]
    fn a_line_that_no_request_can_have_is_refused_with_its_number() {
        let of = |count| [b"a\n".to_vec(), vec![b'x'; count], b"\nb".to_vec()].concat();
        assert_eq!(lines(&of(MAX_LINE_BYTES - 1), 4_096).unwrap().len(), 3);
        let error = format!("{:#}", lines(&of(MAX_LINE_BYTES), 4_096).unwrap_err());
        assert!(error.starts_with("line 2: ") && error.contains("file of links"), "{error}");
    }

    #[test]
    fn a_file_of_another_encoding_is_refused_with_what_to_do() {
        for bytes in [b"ok\ncaf\xe9".as_slice(), b"\xff\xfeo\0\n\0\x00\xd8\x00\x00"] {
            let error = format!("{:#}", lines(bytes, 16).unwrap_err());
            assert!(error.starts_with("line 2: "), "{error}");
            assert!(error.contains("save the file as UTF-8"), "{error}");
        }
    }
}
