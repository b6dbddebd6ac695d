//! Assembles the files of a tar or directory dump to the bytes of a custom archive.

#![expect(
    clippy::indexing_slicing,
    reason = "each range of a buffer ends where a read or a search has ended"
)]

use std::collections::VecDeque;
use std::io::{self, Read};

use crate::archive::ArchiveError;
use crate::archive::header::{Compression, Format, Header};
use crate::archive::input::Input;
use crate::archive::primitives::{Budget, Sizes, put_int};
use crate::archive::reader::{LARGE_OBJECTS_BLOCK, MAXIMUM_TOC_BYTES, TABLE_BLOCK};
use crate::archive::toc::Toc;
use crate::archive::toc_entry::{DumpId, TocEntry};
use crate::archive::writer::contents_bytes;

/// How many bytes of a file become one chunk.
const CHUNK: usize = 256 << 10;

/// The files of a dump. Only one of them is open at a time.
pub(super) trait Members: Send {
    /// Opens the table of contents.
    fn open_contents(&mut self) -> Result<(), ArchiveError>;

    /// Opens the file of this name, with the rows of an entry.
    fn open_rows(&mut self, name: &str) -> Result<(), ArchiveError>;

    /// Opens the next large object in the list `list`, and returns its OID, or `None` after the
    /// last.
    fn open_next_object(&mut self, list: &str) -> Result<Option<u32>, ArchiveError>;

    /// Appends decompressed bytes of the open file. Returns 0 at its verified end.
    fn read(&mut self, out: &mut Vec<u8>, at_most: usize) -> Result<usize, ArchiveError>;
}

pub struct Assembled<M> {
    members: M,
    sizes: Sizes,
    /// Since 1.16, each block of large objects has its own list.
    has_many_lists: bool,
    blocks: VecDeque<Planned>,
    state: State,
    ready: Vec<u8>,
    given: usize,
    failed: bool,
}

struct Planned {
    id: DumpId,
    is_large_objects: bool,
}

enum State {
    BetweenBlocks,
    Rows,
    Objects(DumpId),
    Object(DumpId),
}

/// [`Members`] as a plain reader, for the table of contents.
struct Open<'a, M>(&'a mut M);

impl<M: Members> Read for Open<'_, M> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let mut bytes = Vec::new();
        let count = self.0.read(&mut bytes, target.len()).map_err(io::Error::other)?;
        target[..count].copy_from_slice(&bytes);
        Ok(count)
    }
}

impl<M: Members> Assembled<M> {
    /// Reads the table of contents.
    pub fn new(mut members: M) -> Result<Self, ArchiveError> {
        members.open_contents()?;
        let mut input = Input::new(Open(&mut members), 0, "the header of toc.dat");
        let mut budget = Budget::new(MAXIMUM_TOC_BYTES);
        let header = Header::read(&mut input, &mut budget, Format::Files)?;
        let toc = Toc::read(&mut input, &header, &mut budget, Format::Files)?;
        if !input.fill()?.is_empty() {
            return Err(input.corrupt("more bytes follow after the last entry"));
        }
        let header = Header { compression: Compression::None, ..header };
        let blocks = toc.entries().iter().filter(|entry| entry.has_data);
        Ok(Assembled {
            members,
            sizes: header.sizes(),
            has_many_lists: header.is_at_least(16),
            blocks: blocks.map(planned).collect(),
            state: State::BetweenBlocks,
            ready: contents_bytes(&header, toc.entries()),
            given: 0,
            failed: false,
        })
    }

    /// Prepares more bytes. There are none at the end.
    fn make(&mut self) -> Result<(), ArchiveError> {
        self.ready.clear();
        self.given = 0;
        while self.ready.is_empty() {
            match self.state {
                State::BetweenBlocks => {
                    let Some(block) = self.blocks.pop_front() else { return Ok(()) };
                    self.begin(&block)?;
                }
                State::Rows => self.chunk(State::BetweenBlocks)?,
                State::Object(id) => self.chunk(State::Objects(id))?,
                State::Objects(id) => self.next_object(id)?,
            }
        }
        Ok(())
    }

    fn begin(&mut self, block: &Planned) -> Result<(), ArchiveError> {
        let Planned { id, is_large_objects } = *block;
        if !is_large_objects {
            self.members.open_rows(&format!("{id}.dat"))?;
        }
        self.ready.push(if is_large_objects { LARGE_OBJECTS_BLOCK } else { TABLE_BLOCK });
        put_int(&mut self.ready, self.sizes, id.0);
        self.state = if is_large_objects { State::Objects(id) } else { State::Rows };
        Ok(())
    }

    /// Writes one chunk of the open file, or the end of its chunks.
    fn chunk(&mut self, after: State) -> Result<(), ArchiveError> {
        let mut bytes = Vec::with_capacity(CHUNK);
        let count = self.members.read(&mut bytes, CHUNK)?;
        put_int(&mut self.ready, self.sizes, i32::try_from(count).unwrap_or_default());
        self.ready.append(&mut bytes);
        if count == 0 {
            self.state = after;
        }
        Ok(())
    }

    fn next_object(&mut self, id: DumpId) -> Result<(), ArchiveError> {
        let list = match self.has_many_lists {
            true => format!("blobs_{id}.toc"),
            false => "blobs.toc".to_owned(),
        };
        let oid = self.members.open_next_object(&list)?;
        put_int(&mut self.ready, self.sizes, oid.unwrap_or_default().cast_signed());
        self.state = if oid.is_some() { State::Object(id) } else { State::BetweenBlocks };
        Ok(())
    }
}

fn planned(entry: &TocEntry) -> Planned {
    Planned { id: entry.id, is_large_objects: entry.is_large_objects() }
}

impl<M: Members> Read for Assembled<M> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::other("an earlier error stopped the reading of the backup"));
        }
        if self.given == self.ready.len()
            && let Err(error) = self.make()
        {
            self.failed = true;
            return Err(io::Error::other(error));
        }
        let rest = self.ready.get(self.given..).unwrap_or_default();
        let count = rest.len().min(target.len());
        target[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}
