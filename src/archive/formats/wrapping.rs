//! Decompresses an archive that was compressed as a whole.

#![expect(
    clippy::indexing_slicing,
    reason = "each range of a buffer ends where a read or a search has ended"
)]

use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use super::recognise::{Found, is_tar};
use super::tar::TarStream;
use super::{Assembled, Converted};
use crate::archive::ArchiveError;

/// Enough to recognise a file: the mark of a tar file is at byte 257.
pub(super) const START: usize = 512;

/// How many nested compressions are removed.
const LAYERS: usize = 2;

const ZSTD_WINDOW_LOG: u32 = 27;

type Bytes = Box<dyn Read + Send>;

/// The first bytes, followed by the rest.
type Whole = Chain<Cursor<Vec<u8>>, Bytes>;

/// Converts a stream in any format to the bytes of a custom archive.
pub fn convert(bytes: Bytes) -> Result<Converted, ArchiveError> {
    let mut bytes = bytes;
    for _ in 0..=LAYERS {
        let (start, all) = peek(bytes)?;
        if is_tar(&start) {
            let assembled = Assembled::new(TarStream::new(all))?;
            return Ok(Converted { bytes: Box::new(assembled), assembled: true });
        }
        bytes = match Found::by(&start) {
            Found::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(all))),
            Found::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(all)),
            Found::Zstd => Box::new(unzstd(all)?),
            _ => return Ok(Converted { bytes: Box::new(all), assembled: false }),
        };
    }
    Ok(Converted { bytes, assembled: false })
}

fn unzstd(all: impl Read + Send + 'static) -> Result<impl Read + Send, ArchiveError> {
    let decoder = zstd::stream::read::Decoder::new(all).and_then(|mut decoder| {
        decoder.window_log_max(ZSTD_WINDOW_LOG)?;
        Ok(decoder)
    });
    decoder.map_err(ArchiveError::start)
}

/// Returns the first bytes, and a reader of all bytes including them.
fn peek(mut bytes: Bytes) -> Result<(Vec<u8>, Whole), ArchiveError> {
    let mut start = vec![0; START];
    let mut filled = 0;
    while filled < START {
        match bytes.read(&mut start[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count.min(START - filled),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ArchiveError::start(error)),
        }
    }
    start.truncate(filled);
    Ok((start.clone(), Cursor::new(start).chain(bytes)))
}
