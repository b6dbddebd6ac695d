//! Decodes values that hide their content from a scan of their text: escapes, base64, compression,
//! pickles, sessions, search vectors, and combinations of them.
//!
//! Counts what the plain scan misses, so both counts can be added. Works on COPY's text unchanged.
//! Arrays, and JSON inside text or JSON, need no parser of their own: the patterns and the readers
//! below handle quotes and backslashes at every level.

mod base64;
mod bytea;
mod compressed;
mod contents;
mod escapes;
mod pickle;
mod session;
mod short;
mod tsvector;
mod width;
mod zip;

pub(super) use escapes::{Reach, resolve};

use self::pickle::Payload;
use self::short::Word;
use super::copy_text::{NULL, unescape};
use super::patterns::Kind;
use super::tally::{AllowList, Tally};
use crate::schema::{Column, Table};

/// How many layers of encoding are removed from one value.
const DEEPEST: usize = 8;

/// How many bytes one value may decode to, all layers together.
const LARGEST: usize = 16 << 20;

/// How many bytes are read from a zip archive, or from a stream without a header.
const LARGEST_GUESS: usize = 64 << 10;

/// The shortest text that can hide a value: `a%40b.cd`.
const SHORTEST: usize = 8;

/// What is known about a column's values before they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Any,
    SearchVector,
    /// Django's session data.
    Session,
    /// A pickle in base64: the value of Django's cache in the database.
    Cache,
}

impl Form {
    pub(super) fn of(table: &Table, column: &Column) -> Form {
        match column.name.as_str() {
            "session_data" if table.column("session_key").is_some() => Form::Session,
            "value" if table.column("cache_key").is_some() => Form::Cache,
            _ if column.type_name == "tsvector" => Form::SearchVector,
            _ => Form::Any,
        }
    }
}

/// How thorough the search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// Only encodings that announce themselves.
    Usual,
    /// Everything that could be encoded: for places where no personal data may be.
    Everything,
}

/// The result of searching one value.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// What the plain scan of the same text does not find.
    pub tally: Tally,
    /// Something in the value could not be decoded: it has more layers or more bytes than an honest
    /// value, or its form does not fit its place.
    pub incomplete: bool,
}

/// Searches one field of COPY data.
pub(super) fn look_into(field: &[u8], form: Form, effort: Effort, allow: &AllowList) -> Seen {
    let mut look = Look { allow, effort, room: LARGEST, seen: Seen::default() };
    match form {
        _ if field == NULL || field.is_empty() => {}
        Form::Any if field.len() < SHORTEST => {}
        Form::Any => look.hidden_in(field, 0),
        Form::SearchVector => look.search_vector(field),
        Form::Session => {
            let payload = session::payload(&unescape(field));
            look.must_be(payload.as_deref(), field, |look, payload| look.contents(payload, 1));
        }
        Form::Cache => {
            let bytes = base64::decode(&unescape(field));
            look.must_be(bytes.as_deref(), field, |look, bytes| {
                look.contents(bytes, 1) || look.pickle(bytes, 1)
            });
        }
    }
    look.seen
}

struct Look<'a> {
    allow: &'a AllowList,
    effort: Effort,
    /// How many bytes the value may still decode to.
    room: usize,
    seen: Seen,
}

impl Look<'_> {
    /// Counts what a text hides.
    fn hidden_in(&mut self, text: &[u8], depth: usize) {
        if depth == 0 {
            let loose = match self.effort {
                Effort::Everything => self.allow.loose_tally(text),
                Effort::Usual => self.allow.blank_tally(text),
            };
            self.seen.tally.add(loose);
        }
        // Most values have none of the three, and this is the fastest check.
        let may_be_escaped = memchr::memchr3(b'\\', b'%', b'&', text).is_some();
        let resolved = if may_be_escaped { resolve(text, Reach::All) } else { None };
        let folded = width::fold(resolved.as_deref().unwrap_or(text));
        let shown = folded.as_ref().or(resolved.as_ref());
        if let Some(shown) = shown {
            let tally = |text: &[u8]| match self.effort {
                Effort::Everything => self.allow.tally(text),
                Effort::Usual => self.allow.plain_tally(text),
            };
            let shown = tally(shown);
            if !shown.is_empty() {
                let beyond = shown.beyond(tally(text));
                self.seen.tally.add(beyond);
            }
        }
        let text = resolved.as_deref().unwrap_or(text);
        if may_be_escaped {
            bytea::each(text, |bytes, promising| {
                let known = promising && self.decoded(&bytes, depth);
                if !known && !self.raw_stream(&bytes, depth) {
                    self.binary(&bytes);
                }
            });
        }
        base64::candidates(text, |run| self.candidate(run, depth));
        if self.effort == Effort::Everything {
            short::each(text, |word| self.word(&word, depth));
        }
    }

    /// Counts what a single word holds.
    fn word(&mut self, word: &Word, depth: usize) {
        match word {
            Word::Hex(bytes) => {
                if !contents::is_promising(bytes) || !self.decoded(bytes, depth) {
                    self.raw_stream(bytes, depth);
                }
            }
            Word::Short(text) => {
                self.seen.tally.add(self.allow.whole(text.trim_ascii()).weakened())
            }
        }
    }

    /// Counts everything in a compressed stream without a header, and returns whether it is one.
    fn raw_stream(&mut self, bytes: &[u8], depth: usize) -> bool {
        if self.effort != Effort::Everything {
            return false;
        }
        let Some(content) = compressed::inflate_raw(bytes, LARGEST_GUESS) else { return false };
        self.decoded(&content, depth + 1)
    }

    fn candidate(&mut self, run: &[u8], depth: usize) {
        let whole = base64::decode_promising(run);
        if whole.as_ref().is_some_and(|bytes| self.decoded(bytes, depth)) {
            return;
        }
        for part in base64::parts(run) {
            self.raw_in_base64(part, depth);
            if let Some(bytes) = base64::decode_promising(part)
                && !self.decoded(&bytes, depth)
            {
                self.binary(&bytes);
            }
        }
        if self.raw_in_base64(run, depth) {
            return;
        }
        if let Some(bytes) = whole {
            self.binary(&bytes);
        }
    }

    fn raw_in_base64(&mut self, run: &[u8], depth: usize) -> bool {
        // Slugs and UUIDs are candidates too. Real base64 nearly always has letters of both cases.
        self.effort == Effort::Everything
            && run.iter().any(u8::is_ascii_uppercase)
            && run.iter().any(u8::is_ascii_lowercase)
            && base64::decode(run).is_some_and(|bytes| self.raw_stream(&bytes, depth))
    }

    /// Counts what is readable in bytes of unknown form. Postcodes are so short that pictures hold
    /// some by chance.
    fn binary(&mut self, bytes: &[u8]) {
        self.seen.tally.add(self.allow.plain_tally(bytes).without(Kind::Postcode).weakened());
    }

    /// Counts everything in decoded bytes, and returns whether no other reading is needed.
    fn decoded(&mut self, bytes: &[u8], depth: usize) -> bool {
        !self.take_room(bytes.len()) || self.weakly(|look| look.contents(bytes, depth + 1))
    }

    /// Counts decoded matches as weak: some of them arise by chance.
    fn weakly<T>(&mut self, look: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::take(&mut self.seen.tally);
        let result = look(self);
        let found = std::mem::replace(&mut self.seen.tally, before).weakened();
        self.seen.tally.add(found);
        result
    }

    /// Counts everything in a decoded text. Tabs and line breaks are escaped as in COPY, where they
    /// are borders.
    fn text(&mut self, text: &[u8], depth: usize) {
        if memchr::memchr3(b'\t', b'\n', b'\r', text).is_none() {
            return self.lines(text, depth);
        }
        let mut escaped = Vec::with_capacity(text.len() + text.len() / 8);
        escape_breaks(text, &mut escaped);
        self.lines(&escaped, depth);
    }

    /// Counts everything in a text whose tabs and line feeds are borders.
    fn lines(&mut self, text: &[u8], depth: usize) {
        self.seen.tally.add(self.allow.tally(text));
        self.hidden_in(text, depth.max(1));
    }

    /// Counts everything in bytes, and returns whether their form was recognised.
    fn contents(&mut self, bytes: &[u8], depth: usize) -> bool {
        if depth > DEEPEST {
            self.seen.incomplete = true;
            return true;
        }
        if let Some(payload) = session::after_hash(bytes) {
            return self.contents(payload, depth + 1);
        }
        // A text may begin like packed data, but packed data is never a text.
        if contents::is_text(bytes) {
            self.text(bytes, depth);
            return true;
        }
        if zip::is_zip(bytes) {
            return self.zip(bytes, depth);
        }
        if let Some(inflated) = compressed::inflate(bytes, self.room) {
            self.room -= inflated.bytes.len();
            self.seen.incomplete |= inflated.cut_off;
            if !self.contents(&inflated.bytes, depth + 1) {
                self.text(&inflated.bytes, depth + 1);
            }
            return true;
        }
        if contents::is_pickle(bytes) {
            self.pickle(bytes, depth);
            return true;
        }
        false
    }

    /// Counts what the files of an archive hold.
    fn zip(&mut self, bytes: &[u8], depth: usize) -> bool {
        let more = zip::each_file(bytes, LARGEST_GUESS.min(self.room), |name, content| {
            self.text(name, depth);
            match contents::is_text(content) {
                true => self.text(content, depth),
                false => self.binary(content),
            }
        });
        self.seen.incomplete |= more && self.effort == Effort::Everything;
        true
    }

    /// Counts what a pickle holds, and returns whether it was read to its end.
    fn pickle(&mut self, bytes: &[u8], depth: usize) -> bool {
        pickle::walk(bytes, |payload| match payload {
            Payload::Text(text) => match pickle::latin_bytes(text) {
                Some(bytes) => self.bytes_or_text(&bytes, text, depth + 1),
                None => self.text(text, depth + 1),
            },
            Payload::Bytes(bytes) => self.bytes_or_text(bytes, bytes, depth + 1),
            Payload::Source(source) => {
                self.text(&pickle::without_hex_escapes(source), depth + 1);
            }
            Payload::Rest(rest) => self.text(rest, depth + 1),
        })
    }

    fn bytes_or_text(&mut self, bytes: &[u8], text: &[u8], depth: usize) {
        if !self.contents(bytes, depth) {
            self.text(text, depth);
        }
    }

    fn search_vector(&mut self, field: &[u8]) {
        self.lines(&tsvector::reassemble(&unescape(field)), 0);
        self.seen.tally = self.seen.tally.beyond(self.allow.plain_tally(field));
    }

    /// Searches a value whose form is known from its place.
    fn must_be(
        &mut self,
        decoded: Option<&[u8]>,
        field: &[u8],
        look: impl FnOnce(&mut Self, &[u8]) -> bool,
    ) {
        match decoded {
            Some(bytes) if self.take_room(bytes.len()) => {
                let understood = self.weakly(|own| look(own, bytes));
                self.seen.incomplete |= !understood;
            }
            Some(_) => {}
            None => {
                self.hidden_in(field, 0);
                self.seen.incomplete = true;
            }
        }
    }

    fn take_room(&mut self, length: usize) -> bool {
        match self.room.checked_sub(length) {
            Some(room) => self.room = room,
            None => self.seen.incomplete = true,
        }
        !self.seen.incomplete
    }
}

/// Escapes tabs and line breaks as COPY does, and copies everything else.
fn escape_breaks(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            byte => out.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests;
