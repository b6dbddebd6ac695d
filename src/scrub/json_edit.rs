//! Removing members from JSON documents in the form in which the server writes jsonb.
//!
//! Only what is removed changes: the rest keeps its bytes, separators included, so that the
//! result is again in the server's own form. Documents are walked, not built: a revision of a
//! page is many kilobytes, of which a rule touches one member.

use std::ops::Range;

use super::rules::{MemberPath, Step};

/// The text is not a JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson {
    /// Where it went wrong, in bytes from the start.
    pub position: usize,
}

/// Removes what the paths name and returns the new text, or `None` where nothing matched.
pub fn remove_members(text: &[u8], paths: &[MemberPath]) -> Result<Option<Vec<u8>>, NotJson> {
    let mut walk = Walk { text, removed: Vec::new() };
    let steps: Vec<&[Step]> = paths.iter().map(|path| path.steps.as_slice()).collect();
    let start = walk.skip_blanks(0);
    let end = walk.value(start, &steps)?;
    if walk.skip_blanks(end) != text.len() {
        return Err(NotJson { position: end });
    }
    if walk.removed.is_empty() {
        return Ok(None);
    }
    let mut result = Vec::with_capacity(text.len());
    let mut kept_from = 0;
    for range in &walk.removed {
        result.extend_from_slice(text.get(kept_from..range.start).unwrap_or_default());
        kept_from = range.end;
    }
    result.extend_from_slice(text.get(kept_from..).unwrap_or_default());
    Ok(Some(result))
}

/// A walk through a document that notes which ranges have to go, in ascending order.
struct Walk<'a> {
    text: &'a [u8],
    removed: Vec<Range<usize>>,
}

impl Walk<'_> {
    fn skip_blanks(&self, mut position: usize) -> usize {
        while matches!(self.text.get(position), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            position += 1;
        }
        position
    }

    /// Walks over the value at `position`, from the inside of which `paths` are to be removed,
    /// and returns its end. Recursion is as deep as the longest path.
    fn value(&mut self, position: usize, paths: &[&[Step]]) -> Result<usize, NotJson> {
        match self.text.get(position) {
            Some(b'{') if !paths.is_empty() => self.container(position, b'}', paths),
            Some(b'[') if !paths.is_empty() => self.container(position, b']', paths),
            _ => self.skip_value(position),
        }
    }

    fn container(&mut self, open: usize, close: u8, paths: &[&[Step]]) -> Result<usize, NotJson> {
        let mut position = self.skip_blanks(open + 1);
        if self.text.get(position) == Some(&close) {
            return Ok(position + 1);
        }
        // A removed item takes the separator before it along, or the one after it while no item
        // has been kept yet.
        let mut kept_any = false;
        let mut kept_end = position;
        loop {
            let item = position;
            let name = match close {
                b'}' => Some(self.member_name(&mut position)?),
                _ => None,
            };
            let matching: Vec<&[Step]> = paths
                .iter()
                .filter_map(|steps| match steps.split_first()? {
                    (Step::Any, rest) => Some(rest),
                    (Step::Member(wanted), rest) => {
                        (name.as_deref() == Some(wanted.as_bytes())).then_some(rest)
                    }
                })
                .collect();
            let remove = matching.iter().any(|rest| rest.is_empty());
            let end = self.value(position, if remove { &[] } else { &matching })?;
            let after = self.skip_blanks(end);
            let last = match self.text.get(after) {
                Some(b',') => false,
                Some(byte) if *byte == close => true,
                _ => return Err(NotJson { position: after }),
            };
            let next = if last { after } else { self.skip_blanks(after + 1) };
            if remove && kept_any {
                self.remove(kept_end..end);
                kept_end = end;
            } else if remove {
                self.remove(item..next);
            } else {
                kept_any = true;
                kept_end = end;
            }
            if last {
                return Ok(after + 1);
            }
            position = next;
        }
    }

    fn remove(&mut self, range: Range<usize>) {
        match self.removed.last_mut() {
            Some(last) if last.end >= range.start => last.end = range.end,
            _ => self.removed.push(range),
        }
    }

    /// Reads `"name": ` and leaves `position` at the value.
    fn member_name(&self, position: &mut usize) -> Result<Vec<u8>, NotJson> {
        let start = *position;
        let end = self.skip_string(start)?;
        let colon = self.skip_blanks(end);
        if self.text.get(colon) != Some(&b':') {
            return Err(NotJson { position: colon });
        }
        *position = self.skip_blanks(colon + 1);
        let literal = self.text.get(start..end).unwrap_or_default();
        if memchr::memchr(b'\\', literal).is_none() {
            return Ok(literal.get(1..literal.len() - 1).unwrap_or_default().to_vec());
        }
        let name: String =
            serde_json::from_slice(literal).map_err(|_| NotJson { position: start })?;
        Ok(name.into_bytes())
    }

    /// The end of the string whose opening quote is at `start`.
    fn skip_string(&self, start: usize) -> Result<usize, NotJson> {
        if self.text.get(start) != Some(&b'"') {
            return Err(NotJson { position: start });
        }
        let mut position = start + 1;
        loop {
            let rest = self.text.get(position..).unwrap_or_default();
            let offset = memchr::memchr2(b'"', b'\\', rest).ok_or(NotJson { position: start })?;
            position += offset;
            if rest.get(offset) == Some(&b'"') {
                return Ok(position + 1);
            }
            position += 2;
        }
    }

    /// The end of the value at `start`, whatever is in it. Brackets are counted, not matched by
    /// kind: the server has checked the document, and this only has to find its way out.
    fn skip_value(&self, start: usize) -> Result<usize, NotJson> {
        let mut position = start;
        let mut depth = 0_usize;
        loop {
            match self.text.get(position) {
                Some(b'"') => position = self.skip_string(position)?,
                Some(b'{' | b'[') => {
                    depth += 1;
                    position += 1;
                }
                Some(b'}' | b']') if depth > 0 => {
                    depth -= 1;
                    position += 1;
                }
                Some(b',' | b':' | b' ' | b'\t' | b'\n' | b'\r') if depth > 0 => position += 1,
                Some(byte)
                    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.') =>
                {
                    while matches!(
                        self.text.get(position),
                        Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
                    ) {
                        position += 1;
                    }
                }
                _ => return Err(NotJson { position }),
            }
            if depth == 0 {
                return Ok(position);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removed(text: &str, paths: &[&str]) -> Option<String> {
        let paths: Vec<_> = paths.iter().map(|path| MemberPath::parse(path).unwrap()).collect();
        remove_members(text.as_bytes(), &paths)
            .unwrap()
            .map(|result| String::from_utf8(result).unwrap())
    }

    #[test]
    fn separators_stay_as_the_server_writes_them() {
        let text = r#"{"a": 1, "b": [1, 2], "c": {"d": null}}"#;
        for (paths, expected) in [
            (&["a"][..], r#"{"b": [1, 2], "c": {"d": null}}"#),
            (&["b"], r#"{"a": 1, "c": {"d": null}}"#),
            (&["c"], r#"{"a": 1, "b": [1, 2]}"#),
            (&["a", "b"], r#"{"c": {"d": null}}"#),
            (&["b", "c"], r#"{"a": 1}"#),
            (&["a", "c"], r#"{"b": [1, 2]}"#),
            (&["a", "b", "c"], "{}"),
            (&["*"], "{}"),
            (&["b.*"], r#"{"a": 1, "b": [], "c": {"d": null}}"#),
            (&["*.d"], r#"{"a": 1, "b": [1, 2], "c": {}}"#),
            (&["c", "c.d"], r#"{"a": 1, "b": [1, 2]}"#),
        ] {
            assert_eq!(removed(text, paths).as_deref(), Some(expected), "{paths:?}");
        }
    }

    #[test]
    fn what_does_not_match_changes_nothing() {
        assert_eq!(removed(r#"{"a": "b\"c", "d": {"b": [{"x": 1}]}}"#, &["b", "d.x", "a.b"]), None);
        assert_eq!(removed("17", &["a"]), None);
        assert_eq!(removed("[]", &["*"]), None);
    }

    #[test]
    fn names_and_values_may_hold_escapes() {
        assert_eq!(
            removed(r#"{"a\nb": 1, "é": "}"}"#, &["a\nb"]).as_deref(),
            Some(r#"{"é": "}"}"#)
        );
        let comments = r#"{"comments": [{"text": "a \"b\" ]}", "user": 1}, {"user": 2}]}"#;
        let expected = r#"{"comments": [{"user": 1}, {"user": 2}]}"#;
        assert_eq!(removed(comments, &["comments.*.text"]).as_deref(), Some(expected));
    }

    #[test]
    fn broken_documents_are_errors() {
        for text in
            ["", "{", r#"{"a""#, r#"{"a": 1"#, r#"{"a" 1}"#, "[1, 2", r#"{"a": 1} x"#, r#""a"#]
        {
            let paths = [MemberPath::parse("a").unwrap()];
            assert!(remove_members(text.as_bytes(), &paths).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let text = format!(r#"{{"a": 1, "b": {}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
        assert!(removed(&text, &["a"]).unwrap().starts_with(r#"{"b": [[["#));
    }

    proptest::proptest! {
        #[test]
        fn the_result_is_the_document_without_the_members(
            members in proptest::collection::btree_map("[a-c]{1,2}", "[a-z\"\\\\\n]{0,4}", 0..6),
            name in "[a-c]{1,2}",
        ) {
            let document = serde_json::json!(members);
            let mut expected = document.clone();
            expected.as_object_mut().unwrap().remove(&name);
            let path = MemberPath::parse(&name).unwrap();
            let result = remove_members(document.to_string().as_bytes(), &[path]).unwrap();
            let result = result.unwrap_or_else(|| document.to_string().into_bytes());
            proptest::prop_assert_eq!(
                serde_json::from_slice::<serde_json::Value>(&result).unwrap(), expected
            );
        }
    }
}
