//! Members of JSON that went because nothing names them, in words. Names and counts
//! only: what was in them is gone.

use crate::scrub::DroppedMember;
use crate::words;

pub fn lines<'a>(members: impl IntoIterator<Item = &'a DroppedMember>) -> String {
    let lines: String = members.into_iter().map(line).collect();
    if lines.is_empty() {
        return lines;
    }
    format!(
        "dropped: members of JSON documents that the manifest does not name\n{lines}       \
         to have them drafted for it: bcops scrub-pii --manifest suggest\n"
    )
}

fn line(one: &DroppedMember) -> String {
    let (table, count) = (one.table.short(), words::count(one.count));
    format!("       {table}: {} of {}: {count}\n", one.member, one.of)
}
