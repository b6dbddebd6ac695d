//! Describes conflicts between two branches.

use std::fmt;

/// One path at which a branch does not merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Empty if the conflict concerns the whole branch.
    pub path: String,
    pub kind: ConflictKind,
    /// Our side: the branches merged earlier that changed the path, or the base.
    pub ours: Vec<String>,
    /// The branch that did not merge.
    pub theirs: String,
}

/// The kind of conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConflictKind {
    /// Both changed the same lines.
    Content,
    /// Both changed a binary file.
    Binary,
    /// Both made a file of this name.
    BothAdded,
    /// Ours deleted a file that theirs changed.
    DeletedByUs,
    /// Theirs deleted a file that ours changed.
    DeletedByThem,
    /// The file was renamed in different ways.
    Rename,
    /// A folder was renamed on one side and a file was put into it on the other.
    FolderRename,
    /// Both changed the mode, or one side turned the file into a link.
    Mode,
    /// A file on one side, a folder on the other.
    FileAndFolder,
    Submodule,
    /// The branches have no commit in common.
    UnrelatedHistories,
    /// Git's own words, for a kind that bcops does not know.
    Other(String),
}

impl Conflict {
    pub(super) fn at(path: String, kind: ConflictKind) -> Conflict {
        Conflict { path, kind, ours: Vec::new(), theirs: String::new() }
    }

    pub(super) fn unrelated() -> Conflict {
        Conflict::at(String::new(), ConflictKind::UnrelatedHistories)
    }
}

impl fmt::Display for ConflictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConflictKind::Content => "both changed the same lines",
            ConflictKind::Binary => "both changed a binary file",
            ConflictKind::BothAdded => "both added a file of this name",
            ConflictKind::DeletedByUs => "deleted here and changed there",
            ConflictKind::DeletedByThem => "changed here and deleted there",
            ConflictKind::Rename => "renamed in different ways",
            ConflictKind::FolderRename => "its folder is renamed",
            ConflictKind::Mode => "both changed the file mode",
            ConflictKind::FileAndFolder => "a file on one side and a folder on the other",
            ConflictKind::Submodule => "both changed a submodule",
            ConflictKind::UnrelatedHistories => "the histories have no commit in common",
            ConflictKind::Other(words) => words,
        })
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{} ({} and {})", self.kind, self.ours.join(", "), self.theirs)
    }
}

/// The mode of a submodule in a tree.
pub(super) const SUBMODULE: u32 = 0o160_000;

/// Decides the kind of conflict from a path's modes in the common ancestor, in ours and in theirs.
pub(super) fn kind_of(
    ancestor: Option<u32>,
    ours: Option<u32>,
    theirs: Option<u32>,
) -> ConflictKind {
    let sides = [ancestor, ours, theirs];
    if sides.iter().flatten().any(|mode| *mode == SUBMODULE) {
        return ConflictKind::Submodule;
    }
    match (ancestor, ours, theirs) {
        (Some(before), Some(ours), Some(theirs))
            if ours != theirs && ours != before && theirs != before =>
        {
            ConflictKind::Mode
        }
        (Some(_), Some(_), Some(_)) => ConflictKind::Content,
        (Some(_), None, Some(_)) => ConflictKind::DeletedByUs,
        (Some(_), Some(_), None) => ConflictKind::DeletedByThem,
        (None, Some(ours), Some(theirs)) if ours != theirs => ConflictKind::Mode,
        (None, Some(_), Some(_)) => ConflictKind::BothAdded,
        (_, _, _) => ConflictKind::Rename,
    }
}
