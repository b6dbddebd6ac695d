//! Recognises what a file is by its first bytes, never by its name, if it is not an archive.

/// Kinds of files that users give by mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Empty,
    PlainSql,
    /// Written by pg_dumpall, with roles and several databases.
    PlainSqlOfServer,
    MySql,
    BinaryCopy,
    Gzip,
    Zstd,
    Lz4,
    Xz,
    Bzip2,
    Zip,
    SevenZip,
    Encrypted,
    Html,
    /// XML, with the `<Code>` of an object store's answer if there is one.
    Xml(Option<String>),
    Json,
    GitLfsPointer,
    Utf16,
    /// The table of contents of a directory dump, without the directory.
    LoneContents,
    /// A tar file that holds no `toc.dat`.
    OtherTar,
    /// A folder that holds no `toc.dat`.
    OtherFolder,
    /// The files of a server, as `pg_basebackup` copies them.
    ServerFiles,
    Unknown,
}

/// The bytes of a tar file's first header from byte 257.
const TAR_MAGIC: &[u8] = b"ustar";

pub fn is_tar(start: &[u8]) -> bool {
    start.get(257..262) == Some(TAR_MAGIC)
}

impl Found {
    /// Recognises a file by its first bytes, which are not those of an archive.
    pub fn by(start: &[u8]) -> Found {
        const BINARY: [(&[u8], Found); 8] = [
            (&[0x1f, 0x8b], Found::Gzip),
            (&[0x28, 0xb5, 0x2f, 0xfd], Found::Zstd),
            (&[0x04, 0x22, 0x4d, 0x18], Found::Lz4),
            (b"\xfd7zXZ\0", Found::Xz),
            (b"BZh", Found::Bzip2),
            (b"PK\x03\x04", Found::Zip),
            (b"7z\xbc\xaf\x27\x1c", Found::SevenZip),
            (b"PGCOPY\n\xff\r\n\0", Found::BinaryCopy),
        ];
        if start.is_empty() {
            return Found::Empty;
        }
        if let Some((_, found)) = BINARY.into_iter().find(|(magic, _)| start.starts_with(magic)) {
            return found;
        }
        match start {
            _ if is_tar(start) => Found::OtherTar,
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Found::Utf16,
            _ => by_text(start),
        }
    }

    /// The name that completes "this is …".
    pub fn name(&self) -> String {
        let name = match self {
            Found::Empty => "an empty file",
            Found::PlainSql => "plain SQL",
            Found::PlainSqlOfServer => "plain SQL of a whole server, by pg_dumpall",
            Found::MySql => "a backup of MySQL",
            Found::BinaryCopy => "the rows of one table, by COPY in binary format",
            Found::Gzip => "a file compressed by gzip",
            Found::Zstd => "a file compressed by zstd",
            Found::Lz4 => "a file compressed by lz4",
            Found::Xz => "a file compressed by xz",
            Found::Bzip2 => "a file compressed by bzip2",
            Found::Zip => "a zip file",
            Found::SevenZip => "a 7-Zip file",
            Found::Encrypted => "an encrypted file",
            Found::Html => "a web page, perhaps an error page",
            Found::Xml(Some(code)) => return format!("an object store's error ({code})"),
            Found::Xml(None) => "an XML document, perhaps an error",
            Found::Json => "a JSON document, perhaps the answer that names the backup",
            Found::GitLfsPointer => "a Git LFS pointer without the file itself",
            Found::Utf16 => "text in UTF-16, as PowerShell's > writes it",
            Found::LoneContents => "the toc.dat of a backup in tar or directory format",
            Found::OtherTar => "a tar file without a backup of pg_dump",
            Found::OtherFolder => "a folder without a backup of pg_dump",
            Found::ServerFiles => "the data folder of a server",
            Found::Unknown => "a file of an unknown kind",
        };
        name.to_owned()
    }

    /// What to do. `file` is the file's name, quoted for the shell, if it has one.
    pub fn hints(&self, file: Option<&str>) -> Vec<String> {
        const AGAIN: &str = "make a backup that can be scrubbed: pg_dump --format=custom";
        let name = file.unwrap_or("-");
        let piped = |tool: &str| match file {
            Some(file) => format!("{tool} {file} | bcops pull-data --file -"),
            None => format!("put `{tool}` before bcops in the pipe"),
        };
        let fetch = "bcops backups download production".to_owned();
        let one = |hint: &str| vec![hint.to_owned()];
        match self {
            Found::PlainSql | Found::PlainSqlOfServer => {
                let database = if *self == Found::PlainSql { "DATABASE" } else { "postgres" };
                let psql = match file {
                    Some(file) => format!("psql --file={file} {database}"),
                    None => format!("psql {database}"),
                };
                vec![AGAIN.to_owned(), format!("or load it with all its personal data: {psql}")]
            }
            Found::Xz => vec![piped("xz -dc")],
            Found::Bzip2 => vec![piped("bzip2 -dc")],
            Found::Gzip => vec![piped("gzip -dc")],
            Found::Zstd => vec![piped("zstd -dc")],
            Found::Lz4 => vec![piped("lz4 -dc")],
            Found::Zip => vec![piped("unzip -p")],
            Found::SevenZip => vec![piped("7z x -so")],
            Found::Encrypted => one("decrypt it first"),
            Found::GitLfsPointer => one("git lfs pull"),
            Found::Html | Found::Xml(_) => vec![fetch, format!("read the answer: head {name}")],
            Found::Json | Found::Empty => vec![fetch],
            Found::LoneContents => one("name the folder that contains toc.dat, not the file"),
            Found::Utf16 => {
                one("make the backup again with: pg_dump --format=custom --file=backup.dump")
            }
            Found::ServerFiles => one("start a server on it, then: pg_dump --format=custom"),
            _ => one(AGAIN),
        }
    }
}

fn by_text(start: &[u8]) -> Found {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let text = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start).trim_ascii_start();
    let lower = text.to_ascii_lowercase();
    let begins = |words: &[&[u8]]| words.iter().any(|word| lower.starts_with(word));
    let holds = |word: &[u8]| memchr::memmem::find(&lower, word).is_some();
    if begins(&[b"-----begin pgp message", b"age-encryption.org/", b"salted__"]) {
        Found::Encrypted
    } else if begins(&[b"version https://git-lfs"]) {
        Found::GitLfsPointer
    } else if begins(&[b"<!doctype html", b"<html", b"<head", b"<body"]) || holds(b"<html") {
        Found::Html
    } else if begins(&[b"<"]) {
        Found::Xml(code(text))
    } else if begins(&[b"{", b"["]) {
        Found::Json
    } else if begins(&[b"-- mysql", b"-- mariadb", b"/*!", b"/*m!"]) {
        Found::MySql
    } else if holds(b"database cluster dump") {
        Found::PlainSqlOfServer
    } else if is_sql(&lower) {
        Found::PlainSql
    } else {
        Found::Unknown
    }
}

fn is_sql(lower: &[u8]) -> bool {
    const OPENINGS: [&[u8]; 16] = [
        b"--",
        b"/*",
        b"\\",
        b"set ",
        b"select ",
        b"create ",
        b"alter ",
        b"begin",
        b"copy ",
        b"insert ",
        b"drop ",
        b"start ",
        b"do ",
        b"grant ",
        b"comment ",
        b"update ",
    ];
    OPENINGS.iter().any(|opening| lower.starts_with(opening))
}

/// The `AccessDenied` in `<Code>AccessDenied</Code>`. No other text of an answer is shown.
fn code(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_word = code.len() <= 40 && code.chars().all(|c| c.is_ascii_alphanumeric());
    (is_word && !code.is_empty()).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognised_by_their_first_bytes() {
        let long_tar = [vec![0; 257], b"ustar".to_vec(), vec![0; 300]].concat();
        let cases: [(&[u8], Found); 27] = [
            (b"", Found::Empty),
            (b"--\n-- PostgreSQL database dump\n--\n", Found::PlainSql),
            (b"\\restrict abc\n", Found::PlainSql),
            (b"\xef\xbb\xbfSET statement_timeout = 0;", Found::PlainSql),
            (b"\n\nCREATE TABLE a ();", Found::PlainSql),
            (b"insert into a values (1);", Found::PlainSql),
            (b"--\n-- PostgreSQL database cluster dump\n--\n", Found::PlainSqlOfServer),
            (b"-- MySQL dump 10.13", Found::MySql),
            (b"PGCOPY\n\xff\r\n\0", Found::BinaryCopy),
            (b"\x1f\x8b\x08", Found::Gzip),
            (b"\x28\xb5\x2f\xfd", Found::Zstd),
            (b"\x04\x22\x4d\x18", Found::Lz4),
            (b"\xfd7zXZ\0\0", Found::Xz),
            (b"BZh91AY", Found::Bzip2),
            (b"PK\x03\x04", Found::Zip),
            (b"7z\xbc\xaf\x27\x1c", Found::SevenZip),
            (b"-----BEGIN PGP MESSAGE-----", Found::Encrypted),
            (b"<!DOCTYPE html><html>", Found::Html),
            (b"<?xml version=\"1.0\"?><html>", Found::Html),
            (
                b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code>",
                Found::Xml(Some("AccessDenied".to_owned())),
            ),
            (b"<Error><Code>a b\x1b</Code>", Found::Xml(None)),
            (b"{\"url\": \"https://\"}", Found::Json),
            (b"version https://git-lfs.github.com/spec/v1\noid", Found::GitLfsPointer),
            (b"\xff\xfeP\0G\0", Found::Utf16),
            (b"hello", Found::Unknown),
            (b"\0\0\0", Found::Unknown),
            (&long_tar, Found::OtherTar),
        ];
        for (bytes, expected) in cases {
            let found = Found::by(bytes);
            assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(bytes));
            assert!(!found.hints(None).is_empty() && !found.name().is_empty());
            let hints = found.hints(Some("my.file")).join("\n");
            assert!(!hints.contains("pull-data --file my.file"), "{hints}");
        }
    }
}
