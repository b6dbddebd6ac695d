//! Reads and writes the archive's basic encodings: ints, strings and offsets.
//!
//! An int is a sign byte (0 or 1) and a magnitude of `int_size` bytes, least significant first. A
//! string is an int length and that many bytes. The length -1 means NULL, which differs from the
//! empty string. An offset is a state byte and `offset_size` bytes, least significant first.

#![expect(
    clippy::indexing_slicing,
    reason = "each range of a buffer ends where a read or a search has ended"
)]

use std::io::Read;

use super::error::ArchiveError;
use super::input::Input;
use super::toc_entry::OffsetState;

/// The sizes of the archive's numbers, from its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) int: u8,
    pub(super) offset: u8,
}

/// How many more bytes of memory the table of contents may use.
pub(super) struct Budget {
    limit: u64,
    left: u64,
}

impl Budget {
    pub(super) fn new(limit: u64) -> Self {
        Budget { limit, left: limit }
    }

    /// Takes `count` bytes from the budget before they are allocated.
    pub(super) fn spend<R: Read>(
        &mut self,
        count: usize,
        input: &Input<R>,
    ) -> Result<(), ArchiveError> {
        match self.left.checked_sub(count as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(ArchiveError::TooLarge {
                place: input.place(),
                what: "bytes of text in the header and the table of contents",
                limit: self.limit,
            }),
        }
    }
}

pub(super) fn read_byte<R: Read>(
    input: &mut Input<R>,
    expected: &'static str,
) -> Result<u8, ArchiveError> {
    let mut byte = [0];
    input.read_exact(&mut byte, expected)?;
    Ok(byte[0])
}

pub(super) fn read_int<R: Read>(
    input: &mut Input<R>,
    sizes: Sizes,
    expected: &'static str,
) -> Result<i32, ArchiveError> {
    let mut bytes = [0u8; 9];
    let length = usize::from(sizes.int).min(8) + 1;
    input.read_exact(&mut bytes[..length], expected)?;
    let [sign, magnitude @ ..] = bytes;
    let magnitude = u64::from_le_bytes(magnitude);
    let value = i64::try_from(magnitude).ok().and_then(|magnitude| match sign {
        0 => i32::try_from(magnitude).ok(),
        1 => i32::try_from(-magnitude).ok(),
        _ => None,
    });
    value.ok_or_else(|| {
        input.corrupt(format!("sign {sign} and magnitude {magnitude} are not an int ({expected})"))
    })
}

pub(super) fn read_string<R: Read>(
    input: &mut Input<R>,
    sizes: Sizes,
    budget: &mut Budget,
    expected: &'static str,
) -> Result<Option<String>, ArchiveError> {
    let length = match read_int(input, sizes, expected)? {
        -1 => return Ok(None),
        length => usize::try_from(length).map_err(|_| {
            input.corrupt(format!("a length of {length} is impossible ({expected})"))
        })?,
    };
    budget.spend(length, input)?;
    let bytes = input.read_bytes(length, expected)?;
    let text = String::from_utf8(bytes).map_err(|error| ArchiveError::NotUtf8 {
        place: input.place(),
        source: error.utf8_error(),
    })?;
    Ok(Some(text))
}

/// A string that pg_dump never leaves NULL.
pub(super) fn read_required_string<R: Read>(
    input: &mut Input<R>,
    sizes: Sizes,
    budget: &mut Budget,
    expected: &'static str,
) -> Result<String, ArchiveError> {
    read_string(input, sizes, budget, expected)?
        .ok_or_else(|| input.corrupt(format!("{expected} is missing")))
}

pub(super) fn read_offset<R: Read>(
    input: &mut Input<R>,
    sizes: Sizes,
) -> Result<OffsetState, ArchiveError> {
    let expected = "a data offset";
    let state = read_byte(input, expected)?;
    let mut bytes = [0u8; 8];
    let length = usize::from(sizes.offset).min(8);
    input.read_exact(&mut bytes[..length], expected)?;
    let offset = u64::from_le_bytes(bytes);
    match (state, offset) {
        (1, 0) => Ok(OffsetState::Unknown),
        (2, _) => Ok(OffsetState::Known(offset)),
        (3, 0) => Ok(OffsetState::NoData),
        _ => Err(input.corrupt(format!("{offset} with state {state} is not a data offset"))),
    }
}

/// Appends an int as [`read_int`] reads it.
pub(super) fn put_int(out: &mut Vec<u8>, sizes: Sizes, value: i32) {
    out.push(u8::from(value < 0));
    let magnitude = u64::from(value.unsigned_abs()).to_le_bytes();
    out.extend(magnitude.iter().take(usize::from(sizes.int)));
}

/// Appends a string as [`read_string`] reads it. A string from an archive always fits the format.
pub(super) fn put_string(out: &mut Vec<u8>, sizes: Sizes, value: Option<&str>) {
    match value {
        Some(text) => {
            put_int(out, sizes, i32::try_from(text.len()).unwrap_or(i32::MAX));
            out.extend_from_slice(text.as_bytes());
        }
        None => put_int(out, sizes, -1),
    }
}

/// Appends an offset as [`read_offset`] reads it.
pub(super) fn put_offset(out: &mut Vec<u8>, sizes: Sizes, value: OffsetState) {
    let (state, offset) = match value {
        OffsetState::Unknown => (1, 0),
        OffsetState::Known(offset) => (2, offset),
        OffsetState::NoData => (3, 0),
    };
    out.push(state);
    out.extend(offset.to_le_bytes().iter().take(usize::from(sizes.offset)));
}
