//! Checks a document before the SDK reads it.

/// Whether a document ends with its first element. The SDK accepts a document that is cut between
/// two elements. An empty document is whole, because many answers are empty.
pub fn is_whole(document: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(document) else { return false };
    let text = text.trim();
    if text.is_empty() {
        return true;
    }
    let mut tags = text.split('<').skip(1);
    let Some(root) = tags.find(|tag| !tag.starts_with(['?', '!'])) else { return false };
    let name = root.split(|c: char| c.is_whitespace() || matches!(c, '/' | '>')).next();
    let is_closed = text.ends_with(&format!("</{}>", name.unwrap_or_default()));
    is_closed || (root.ends_with("/>") && tags.next().is_none())
}

/// The text of the first element of this name. Only for codes and regions, which hold no entities.
pub fn element(document: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(document).ok()?;
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (value, _) = rest.split_once("</")?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_document_is_not_whole() {
        for whole in ["", "<A/>", "<?xml version=\"1.0\"?>\n<A xmlns=\"b\"/>", " <A><B/>c</A>\n"] {
            assert!(is_whole(whole.as_bytes()), "{whole}");
        }
        let text = "<?xml version=\"1.0\"?><A x=\"y\"><B>c</B><C/><B>d</B></A>";
        for end in 1..text.len() {
            assert!(!is_whole(&text.as_bytes()[..end]), "{end}");
        }
        assert!(is_whole(text.as_bytes()));
        assert!(!is_whole(b"\xff") && !is_whole(b"<html>502") && !is_whole(b"Bad Gateway"));
    }

    #[test]
    fn codes_are_found() {
        let text = b"<Error><Code>SlowDown</Code><Region>eu-west-2</Region></Error>";
        assert_eq!(element(text, "Code").as_deref(), Some("SlowDown"));
        assert_eq!(element(text, "Region").as_deref(), Some("eu-west-2"));
        assert_eq!(element(text, "Message"), None);
        assert_eq!(element(b"\xff", "Code"), None);
    }
}
