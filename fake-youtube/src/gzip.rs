//! Packs answers with gzip, as YouTube does. What pads pages to their size is packed only once, so
//! that a page of a megabyte costs this server no more than a small one.

use bytes::Bytes;
use flate2::{Compress, CompressError, Compression, Crc, FlushCompress, Status};

use crate::pages::Draws;

/// RFC 1952: deflate, no name, no time, an unknown system.
const HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// An empty last block.
const LAST_BLOCK: &[u8] = &[3, 0];
/// How many drawn characters are in each line of a padding: with these, gzip packs it to about a
/// quarter, as it does with YouTube's own pages.
const DRAWN_CHARACTERS: usize = 22;

/// What pads watch pages to the size in the settings: text like that of a page, of no meaning.
#[derive(Debug)]
pub(crate) struct Padding {
    pub(crate) plain: Bytes,
    packed: Option<Packed>,
}

/// A part of an answer as blocks of deflate that end at a whole byte.
#[derive(Debug)]
struct Packed {
    blocks: Bytes,
    crc: Crc,
}

impl Padding {
    /// Makes a padding; `is_packed` if answers are.
    pub(crate) fn new(length: usize, is_packed: bool) -> Self {
        let mut draws = Draws::new(0, &["padding"]);
        let mut text = String::with_capacity(length + 100);
        while text.len() < length {
            let drawn = draws.id_text(DRAWN_CHARACTERS);
            text += &format!("\"clickTrackingParams\":\"CBAQ{drawn}=\",\"isDisabled\":false,\n");
        }
        text.truncate(length);
        let plain = Bytes::from(text);
        let packed = is_packed.then(|| pack(&plain).ok()).flatten();
        Self { plain, packed }
    }

    /// Whether answers are packed.
    pub(crate) fn is_packed(&self) -> bool {
        self.packed.is_some()
    }

    /// Packs the pieces of an answer; `None` if that is not possible.
    pub(crate) fn gzip(&self, pieces: &[Bytes]) -> Option<Vec<Bytes>> {
        let (mut packed, mut crc) = (vec![Bytes::from_static(HEADER)], Crc::new());
        for piece in pieces {
            let packed_now;
            let part = match &self.packed {
                Some(padding) if *piece == self.plain => padding,
                _ => {
                    packed_now = pack(piece).ok()?;
                    &packed_now
                }
            };
            crc.combine(&part.crc);
            packed.push(part.blocks.clone());
        }
        let trailer = [LAST_BLOCK, &crc.sum().to_le_bytes(), &crc.amount().to_le_bytes()].concat();
        packed.push(trailer.into());
        Some(packed)
    }
}

fn pack(text: &[u8]) -> Result<Packed, CompressError> {
    let mut deflate = Compress::new(Compression::default(), false);
    let mut blocks = Vec::with_capacity(text.len() / 2 + 64);
    loop {
        let taken = usize::try_from(deflate.total_in()).unwrap_or(usize::MAX);
        let rest = text.get(taken..).unwrap_or_default();
        let status = deflate.compress_vec(rest, &mut blocks, FlushCompress::Full)?;
        let is_done = usize::try_from(deflate.total_in()) == Ok(text.len());
        // With room left, everything has been written.
        if is_done && blocks.len() < blocks.capacity() || status == Status::StreamEnd {
            break;
        }
        blocks.reserve(text.len() / 4 + 64);
    }
    let mut crc = Crc::new();
    crc.update(text);
    Ok(Packed { blocks: blocks.into(), crc })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn what_is_unpacked_is_what_was_packed() {
        let padding = Padding::new(300_000, true);
        let long = Bytes::from(Draws::new(1, &[]).id_text(100_000));
        for pieces in [
            vec![],
            vec![Bytes::from_static(b"a page")],
            vec![Bytes::from_static(b"<html>"), padding.plain.clone(), long.clone()],
            vec![long.clone(), Bytes::new(), long],
        ] {
            let (plain, packed) = (pieces.concat(), padding.gzip(&pieces).unwrap().concat());
            let mut unpacked = Vec::new();
            GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
            assert!(unpacked == plain);
        }
        let packed_bytes = padding.packed.as_ref().unwrap().blocks.len();
        assert!((60_000..90_000).contains(&packed_bytes), "{packed_bytes} of 300,000");
        assert!(!Padding::new(300_000, false).is_packed());
    }
}
