//! The documents that S3 answers with, read strictly: one that is cut is an error and not an end.

use quick_xml::Reader;
use quick_xml::events::Event;

/// What a document tells: every element with its path, its text, and where it ends.
pub enum Item<'a> {
    Start(&'a [u8]),
    /// An element's end, with the text that was directly in it.
    End(&'a [u8], String),
}

/// Walks through a document. `visit` gets the name of each element as it begins and ends.
pub fn walk(
    document: &[u8],
    root: &[u8],
    mut visit: impl FnMut(Item<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let text = std::str::from_utf8(document).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Vec<u8>> = Vec::new();
    let mut content = String::new();
    let mut ended = false;
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(element) => {
                let name = element.local_name();
                if open.is_empty() && (ended || name.as_ref() != root) {
                    return Err(format!("it is no {}", String::from_utf8_lossy(root)));
                }
                content.clear();
                visit(Item::Start(name.as_ref()))?;
                open.push(name.as_ref().to_vec());
            }
            Event::Empty(element) => {
                let name = element.local_name();
                if open.is_empty() && (ended || name.as_ref() != root) {
                    return Err(format!("it is no {}", String::from_utf8_lossy(root)));
                }
                ended |= open.is_empty();
                visit(Item::Start(name.as_ref()))?;
                visit(Item::End(name.as_ref(), String::new()))?;
            }
            Event::End(element) => {
                open.pop();
                ended |= open.is_empty();
                visit(Item::End(element.local_name().as_ref(), std::mem::take(&mut content)))?;
            }
            Event::Text(part) => content.push_str(&part.decode().map_err(|e| e.to_string())?),
            Event::CData(part) => content.push_str(&part.decode().map_err(|e| e.to_string())?),
            Event::GeneralRef(reference) => content.push(character(&reference)?),
            Event::Eof if ended && open.is_empty() => return Ok(()),
            Event::Eof => return Err("it ends in the middle".to_owned()),
            _ => {}
        }
    }
}

/// `&amp;`, `&#13;` and the like.
fn character(reference: &quick_xml::events::BytesRef<'_>) -> Result<char, String> {
    if let Some(c) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(c);
    }
    match &**reference {
        b"amp" => Ok('&'),
        b"lt" => Ok('<'),
        b"gt" => Ok('>'),
        b"quot" => Ok('"'),
        b"apos" => Ok('\''),
        other => Err(format!("it holds an unknown entity {}", String::from_utf8_lossy(other))),
    }
}

/// Code and message, if the document tells of a failure.
pub fn error(document: &[u8]) -> Option<(String, String)> {
    let (mut code, mut message) = (None, String::new());
    let walked = walk(document, b"Error", |item| {
        match item {
            Item::End(b"Code", text) => code = Some(text),
            Item::End(b"Message", text) => message = text,
            _ => {}
        }
        Ok(())
    });
    walked.ok()?;
    let shown = |text: String| text.chars().filter(|c| !c.is_control()).take(300).collect();
    code.map(|code| (shown(code), shown(message)))
}

/// The text of the first element of this name in an error document.
pub fn text_of(document: &[u8], name: &[u8]) -> Option<String> {
    let mut found = None;
    let walked = walk(document, b"Error", |item| {
        if let Item::End(end, text) = item
            && end == name
        {
            found.get_or_insert(text);
        }
        Ok(())
    });
    walked.ok().and(found)
}

/// A text inside an element.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                escaped.push_str(&format!("&#{};", u32::from(c)));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_and_cut_documents_refused() {
        let text = b"<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>a &amp; b &#65;</Message></Error>";
        assert_eq!(error(text), Some(("SlowDown".to_owned(), "a & b A".to_owned())));
        assert_eq!(error(&text[..text.len() - 3]), None);
        assert_eq!(error(b"<ListBucketResult/>"), None);
        assert_eq!(error(b"<html><body>502"), None);
        assert_eq!(error(b""), None);
        assert_eq!(error(b"\xff\xfe"), None);
    }

    #[test]
    fn escaping_is_undone_by_reading() {
        let odd = "a<b>&\"'\n\r\té+%";
        let document = format!("<Error><Code>{}</Code></Error>", escape(odd));
        assert_eq!(text_of(document.as_bytes(), b"Code").as_deref(), Some(odd));
    }
}
