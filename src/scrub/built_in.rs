//! Holds the manifest of the Buckinghamshire Council site, compiled in.

/// How messages name the built-in manifest.
pub(super) const ORIGIN: &str = "built-in manifest";

pub(super) const TEXT: &str = include_str!("../sites/buckinghamshire/scrub.toml");
