//! pg_dump's custom archive format.
