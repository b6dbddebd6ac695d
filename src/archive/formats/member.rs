//! Decompresses one file of a dump.

use std::io::{BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use crate::archive::ArchiveError;
use crate::archive::chunks::RawChunks;
use crate::archive::decoder::Decoder;
use crate::archive::header::Compression;
use crate::archive::input::Input;

type Bytes = Box<dyn Read + Send>;

/// The endings that pg_dump gives to compressed files.
pub(super) const ENDINGS: [(&str, Packing); 4] =
    [("", Packing::None), (".gz", Packing::Gzip), (".lz4", Packing::Lz4), (".zst", Packing::Zstd)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
    Lz4,
    Zstd,
}

/// A file that is being decompressed. It reports a file that ends too early.
pub(super) struct Member {
    name: String,
    unpacking: Unpacking,
}

enum Unpacking {
    // These files have gzip's header and trailer, unlike the zlib streams in a custom archive.
    Gzip(Box<MultiGzDecoder<BufReader<Bytes>>>),
    Other(Box<Decoder<RawChunks<Bytes>>>),
}

impl Member {
    pub(super) fn new(name: String, packing: Packing, bytes: Bytes) -> Result<Self, ArchiveError> {
        let compression = match packing {
            Packing::Gzip => {
                let decoder = MultiGzDecoder::new(BufReader::new(bytes));
                return Ok(Member { name, unpacking: Unpacking::Gzip(Box::new(decoder)) });
            }
            Packing::None => Compression::None,
            Packing::Lz4 => Compression::Lz4,
            Packing::Zstd => Compression::Zstd,
        };
        let chunks = RawChunks::new(Input::new(bytes, 0, name.clone()));
        let decoder = Decoder::new(compression, chunks)?;
        Ok(Member { name, unpacking: Unpacking::Other(Box::new(decoder)) })
    }

    pub(super) fn read(
        &mut self,
        out: &mut Vec<u8>,
        at_most: usize,
    ) -> Result<usize, ArchiveError> {
        match &mut self.unpacking {
            Unpacking::Other(decoder) => decoder.read_into(out, at_most),
            Unpacking::Gzip(decoder) => {
                let read = decoder.take(at_most as u64).read_to_end(out);
                read.map_err(|error| damaged(&self.name, error))
            }
        }
    }
}

fn damaged(name: &str, error: std::io::Error) -> ArchiveError {
    ArchiveError::Member {
        member: name.to_owned(),
        reason: format!(
            "the file is damaged: \
        {error}"
        ),
    }
}
