//! Removes members from JSON in the form in which the server writes jsonb: members that are named
//! for removal, and members that are not named to stay.
//!
//! Everything else keeps its bytes, separators included, so the result is in the server's own form.
//! Documents are walked, not parsed into values: a revision of a page has many kilobytes, and a
//! rule touches one member.

use std::ops::Range;

use super::dropped::shown_name;
use super::keep_tree::KeepTree;
use super::rules::{MemberPath, Step};

/// The text is not a JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson {
    /// The position of the error, in bytes from the start.
    pub position: usize,
}

/// What to remove from a document.
pub(super) struct Members<'a> {
    pub remove: &'a [MemberPath],
    /// What may stay. `None` means everything.
    pub keep: Option<&'a KeepTree>,
    /// Called for each member that is dropped because nothing names it: with its first name and its
    /// path.
    pub dropped: &'a mut dyn FnMut(&[u8], String),
}

/// Removes what the paths name and what nothing keeps. Returns the new text, or `None` if nothing
/// changes.
pub(super) fn edit_members(text: &[u8], members: Members<'_>) -> Result<Option<Vec<u8>>, NotJson> {
    let Members { remove, keep, dropped } = members;
    let mut walk = Walk { text, removed: Vec::new(), trail: Vec::new(), dropped };
    let steps: Vec<&[Step]> = remove.iter().map(|path| path.steps.as_slice()).collect();
    let start = walk.skip_blanks(0);
    let keep: Option<Vec<&KeepTree>> = keep.filter(|tree| !tree.is_whole()).map(|tree| vec![tree]);
    let end = walk.value(start, &steps, keep.as_deref())?;
    if walk.skip_blanks(end) != text.len() {
        return Err(NotJson { position: end });
    }
    if keep.is_some() && walk.says_something(start) && !walk.is_container(start) {
        // A document of one value has no members to name.
        (walk.dropped)(b"", "(the whole value)".into());
        return Ok(Some(b"null".to_vec()));
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

/// Walks through a document and records the ranges to remove, in ascending order.
struct Walk<'a> {
    text: &'a [u8],
    removed: Vec<Range<usize>>,
    /// The names on the way to the current value, recorded only where part of it may stay.
    trail: Vec<Option<Vec<u8>>>,
    dropped: &'a mut dyn FnMut(&[u8], String),
}

impl Walk<'_> {
    fn is_container(&self, position: usize) -> bool {
        matches!(self.text.get(position), Some(b'{' | b'['))
    }

    /// Whether the value is not null. A null holds no data.
    fn says_something(&self, position: usize) -> bool {
        !self.text.get(position..).unwrap_or_default().starts_with(b"null")
    }

    /// Reports that the member is dropped because nothing names it.
    fn drop_unnamed(&mut self, name: Option<&[u8]>) {
        let last = name.map(<[u8]>::to_vec);
        let names = || self.trail.iter().chain(std::iter::once(&last));
        let shown = |name: &Option<Vec<u8>>| match name {
            Some(name) => shown_name(name),
            None => "*".into(),
        };
        let path = names().map(shown).collect::<Vec<String>>().join(".");
        let first = names().next().cloned().flatten().unwrap_or_default();
        (self.dropped)(&first, path);
    }

    fn skip_blanks(&self, mut position: usize) -> usize {
        while matches!(self.text.get(position), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            position += 1;
        }
        position
    }

    /// Walks over the value at `position` and returns its end. Removes `paths` inside the value,
    /// and keeps only what `keep` names. Recursion is as deep as the longest path.
    fn value(
        &mut self,
        position: usize,
        paths: &[&[Step]],
        keep: Option<&[&KeepTree]>,
    ) -> Result<usize, NotJson> {
        let looks_inside = !paths.is_empty() || keep.is_some();
        match self.text.get(position) {
            Some(b'{') if looks_inside => self.container(position, b'}', paths, keep),
            Some(b'[') if looks_inside => self.container(position, b']', paths, keep),
            _ => self.skip_value(position),
        }
    }

    fn container(
        &mut self,
        open: usize,
        close: u8,
        paths: &[&[Step]],
        keep: Option<&[&KeepTree]>,
    ) -> Result<usize, NotJson> {
        let mut position = self.skip_blanks(open + 1);
        if self.text.get(position) == Some(&close) {
            return Ok(position + 1);
        }
        // A removed item takes the separator before it along. As long as no item is kept, it takes
        // the separator after it.
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
            let mut remove = matching.iter().any(|rest| rest.is_empty());
            let below: Option<Vec<&KeepTree>> = keep
                .map(|trees| trees.iter().flat_map(|tree| tree.below(name.as_deref())).collect())
                .filter(|trees: &Vec<&KeepTree>| !trees.iter().any(|tree| tree.is_whole()));
            if let Some(trees) = below.as_ref().filter(|_| !remove) {
                // A container on the way of a path may stay, because it holds no value itself.
                let leads_on = !trees.is_empty()
                    && (self.is_container(position) || !self.says_something(position));
                if !leads_on {
                    remove = true;
                    self.drop_unnamed(name.as_deref());
                }
            }
            let end = match remove {
                true => self.skip_value(position)?,
                false => {
                    if below.is_some() {
                        self.trail.push(name.clone());
                    }
                    let end = self.value(position, &matching, below.as_deref())?;
                    if below.is_some() {
                        self.trail.pop();
                    }
                    end
                }
            };
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

    /// Reads `"name": ` and moves `position` to the value.
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

    /// The end of the value at `start`, whatever is in it. Brackets are counted and not matched by
    /// kind, because the server has checked the document.
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

    fn remove_members(text: &[u8], paths: &[MemberPath]) -> Result<Option<Vec<u8>>, NotJson> {
        edit_members(text, Members { remove: paths, keep: None, dropped: &mut |_, _| {} })
    }

    fn parsed(paths: &[&str]) -> Vec<MemberPath> {
        paths.iter().map(|path| MemberPath::parse(path).unwrap()).collect()
    }

    fn removed(text: &str, paths: &[&str]) -> Option<String> {
        remove_members(text.as_bytes(), &parsed(paths))
            .unwrap()
            .map(|result| String::from_utf8(result).unwrap())
    }

    /// The result, and the paths of the dropped members.
    fn kept(text: &str, keep: &[&str], remove: &[&str]) -> (String, Vec<String>) {
        let (keep, remove) = (parsed(keep), parsed(remove));
        let tree = KeepTree::new(keep.iter().map(|path| path.steps.as_slice()));
        let mut paths = Vec::new();
        let mut dropped = |_: &[u8], path| paths.push(path);
        let members = Members { remove: &remove, keep: Some(&tree), dropped: &mut dropped };
        let result = edit_members(text.as_bytes(), members).unwrap();
        let result = result.map_or_else(|| text.to_owned(), |one| String::from_utf8(one).unwrap());
        (result, paths)
    }

    #[test]
    fn only_named_members_stay() {
        let text =
            r#"{"a": 1, "b": [{"c": 2, "d": 3}, "e", null], "f": {"c": {"g": 4}}, "h": null}"#;
        for (keep, expected, dropped) in [
            (&["a"][..], r#"{"a": 1}"#, &["b", "f", "h"][..]),
            (&["b.*.c"], r#"{"b": [{"c": 2}, null]}"#, &["a", "b.*.d", "b.*", "f", "h"]),
            (&["*.c"], r#"{"b": [], "f": {"c": {"g": 4}}, "h": null}"#, &["a", "b.*", "b.*"]),
            (&["f.c.g", "f.x"], r#"{"f": {"c": {"g": 4}}}"#, &["a", "b", "h"]),
            (&["f.c.g.z"], r#"{"f": {"c": {}}}"#, &["a", "b", "f.c.g", "h"]),
            (&["a.b"], "{}", &["a", "b", "f", "h"]),
            (&["*"], text, &[]),
            (&["b", "b.*.c"], r#"{"b": [{"c": 2, "d": 3}, "e", null]}"#, &["a", "f", "h"]),
            (&[], "{}", &["a", "b", "f", "h"]),
        ] {
            let (result, mut paths) = kept(text, keep, &[]);
            assert_eq!(result, expected, "{keep:?}");
            if keep == ["*.c"] {
                // The null among the elements is dropped as well: no path leads through it.
                assert_eq!(paths.remove(3), "b.*");
            }
            assert_eq!(paths, dropped, "{keep:?}");
            assert_eq!(kept(&result, keep, &[]).0, result, "a second time");
        }
        // Members removed by name are not reported.
        assert_eq!(kept(text, &["h"], &["a", "b", "f"]), (r#"{"h": null}"#.into(), Vec::new()));
        let (result, paths) = kept(text, &["b"], &["b.*.c", "a"]);
        assert_eq!(result, r#"{"b": [{"d": 3}, "e", null]}"#);
        assert_eq!(paths, ["f", "h"]);
    }

    #[test]
    fn of_a_document_of_one_value_nothing_stays() {
        for text in ["17", r#""ann@canary.example""#, "true"] {
            assert_eq!(kept(text, &["a", "*"], &[]).0, "null");
        }
        for text in ["null", "[]", "{}"] {
            assert_eq!(kept(text, &["a"], &[]), (text.to_owned(), Vec::new()));
        }
        assert_eq!(kept(r#"["a", {"b": 1}]"#, &["b"], &[]).0, "[]");
        assert_eq!(kept(r#"["a", {"b": 1, "c": 2}]"#, &["*.b"], &[]).0, r#"[{"b": 1}]"#);
    }

    #[test]
    fn names_that_could_be_values_are_not_shown() {
        let (result, paths) = kept(r#"{"ann@canary.example": {"a": 1}, "x": 2}"#, &["x"], &[]);
        assert_eq!(
            (result.as_str(), paths),
            (r#"{"x": 2}"#, vec!["(a name that is not shown)".to_owned()])
        );
    }

    #[test]
    fn separators_are_unchanged() {
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
    fn paths_that_do_not_match_change_nothing() {
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
    fn deep_documents_need_no_stack() {
        let text = format!(r#"{{"a": 1, "b": {}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
        assert!(removed(&text, &["a"]).unwrap().starts_with(r#"{"b": [[["#));
    }

    proptest::proptest! {
        #![proptest_config(crate::property_test::config(256))]

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
