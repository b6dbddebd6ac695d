//! What two branches cannot agree on.

use std::fmt;

/// One path at which a branch does not merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Empty where it is about the branch as a whole.
    pub path: String,
    pub kind: ConflictKind,
    /// Who brought our side: the branches merged before that changed the path, or the base.
    pub ours: Vec<String>,
    /// The branch that did not merge.
    pub theirs: String,
}

/// In what way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConflictKind {
    /// Both changed the same lines.
    Content,
    /// Both changed a file that is no text.
    Binary,
    /// Both made a file of this name.
    BothAdded,
    /// Ours deleted what theirs changed.
    DeletedByUs,
    /// Theirs deleted what ours changed.
    DeletedByThem,
    /// The file was renamed in ways that do not go together.
    Rename,
    /// A folder was renamed on one side and a file was put into it on the other.
    FolderRename,
    /// Both changed the mode, or one made a link of it.
    Mode,
    /// A file on one side, a folder on the other.
    FileAndFolder,
    Submodule,
    /// The branches have no commit in common.
    UnrelatedHistories,
    /// What git calls it, where bcops knows no better.
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
            ConflictKind::Content => "the same lines are changed",
            ConflictKind::Binary => "a binary file is changed in both",
            ConflictKind::BothAdded => "a file of this name is added in both",
            ConflictKind::DeletedByUs => "deleted here and changed there",
            ConflictKind::DeletedByThem => "changed here and deleted there",
            ConflictKind::Rename => "renamed in different ways",
            ConflictKind::FolderRename => "its folder is renamed",
            ConflictKind::Mode => "the mode is changed in both",
            ConflictKind::FileAndFolder => "a file in one and a folder in the other",
            ConflictKind::Submodule => "a submodule is changed in both",
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

/// What the three sides of a path tell: the modes in the common ancestor, in ours, in theirs.
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
