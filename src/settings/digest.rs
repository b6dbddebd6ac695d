//! Computes the digests of files for trust records.

use aws_lc_rs::digest::{self, Context};

/// SHA-256 in hexadecimal.
pub fn of(bytes: &[u8]) -> String {
    hexadecimal(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Digests several parts, each with its length, so that different lists never have the same digest.
pub struct Parts(Context);

impl Parts {
    pub fn new() -> Parts {
        Parts(Context::new(&digest::SHA256))
    }

    pub fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    pub fn finish(self) -> String {
        hexadecimal(self.0.finish().as_ref())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_border_between_parts_counts() {
        let digest = |parts: &[&[u8]]| {
            let mut all = Parts::new();
            parts.iter().for_each(|part| all.add(part));
            all.finish()
        };
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_eq!(digest(&[b"ab", b"c"]), digest(&[b"ab", b"c"]));
        assert!(of(b"").starts_with("e3b0c44298fc"));
    }
}
