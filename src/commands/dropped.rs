//! Lists the members of JSON documents that were dropped because the manifest does not name them.
//! Names and counts only: their values are gone.

use crate::scrub::DroppedMember;
use crate::words;

pub fn lines<'a>(members: impl IntoIterator<Item = &'a DroppedMember>) -> String {
    let lines: String = members.into_iter().map(line).collect();
    if lines.is_empty() {
        return lines;
    }
    format!(
        "dropped: members of JSON documents that the manifest does not name\n{lines}       \
         draft rules for them: bcops scrub-pii --manifest suggest\n"
    )
}

fn line(one: &DroppedMember) -> String {
    let (table, count) = (one.table.short(), words::count(one.count));
    format!("       {table}: {} of {}: {count}\n", one.member, one.of)
}
