//! Headers as bytes: for each its name, then its value, each after its length (u32, little
//! endian).

use rusqlite::Row;
use rusqlite::types::Type;

/// Encodes headers.
pub(in crate::sqlite) fn encode(headers: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in headers {
        for part in [name.as_bytes(), value] {
            // A record has some megabytes at most.
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(part);
        }
    }
    bytes
}

/// Reads a column with headers.
pub(in crate::sqlite) fn read(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
    decode(row.get_ref(column)?.as_blob()?).ok_or_else(|| {
        let truncated = "the headers are truncated".into();
        rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, truncated)
    })
}

/// Decodes headers; `None` if the bytes are not complete.
fn decode(mut bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut headers = Vec::new();
    while !bytes.is_empty() {
        let name = std::str::from_utf8(part(&mut bytes)?).ok()?.to_owned();
        headers.push((name, part(&mut bytes)?.to_vec()));
    }
    Some(headers)
}

/// Removes one part from the front and returns it.
fn part<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (part, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn encoded_headers_are_decoded_unchanged(headers: Vec<(String, Vec<u8>)>) {
            prop_assert_eq!(decode(&encode(&headers)), Some(headers));
        }

        #[test]
        fn any_bytes_are_refused_or_read_and_never_a_panic(bytes: Vec<u8>) {
            if let Some(headers) = decode(&bytes) {
                prop_assert_eq!(encode(&headers), bytes);
            }
        }

        #[test]
        fn truncated_headers_are_refused(name: String, value: Vec<u8>, cut in 1_usize..) {
            let bytes = encode(&[(name, value)]);
            let kept = bytes.len() - 1 - cut % (bytes.len() - 1);
            prop_assert_eq!(decode(&bytes[..kept.max(1)]), None);
        }
    }
}
