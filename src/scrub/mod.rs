//! The manifest, its execution on rows in flight, and the audit.
