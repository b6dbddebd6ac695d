//! The media of the made-up site: production's bucket as its database has it, and staging's, which
//! is older, has files of its own, and lacks some.

use bytes::Bytes;

use super::databases::Databases;
use crate::standins::s3::S3StandIn;

pub const PRODUCTION: &str = "bc-production";
pub const STAGING: &str = "bc-staging";

/// How many files of each kind there are.
const COUNT: usize = 10;

/// Fills both buckets with files that the rows of images, renditions and documents name.
pub fn fill(s3: &S3StandIn, databases: &Databases) {
    let sql = format!(
        "(SELECT file FROM images_customimage ORDER BY id LIMIT {COUNT}) UNION ALL \
         (SELECT file FROM images_rendition ORDER BY id LIMIT {COUNT}) UNION ALL \
         (SELECT file FROM documents_customdocument ORDER BY id LIMIT {COUNT})"
    );
    for (number, key) in databases.production(&sql).lines().enumerate() {
        s3.put(PRODUCTION, key, body(number));
        match number % 3 {
            // The same, an older one, and none.
            0 => s3.put(STAGING, key, body(number)),
            1 => s3.put(STAGING, key, body(number + 100)),
            _ => {}
        }
    }
    s3.put(STAGING, "original_images/staging_only.jpg", body(201));
    s3.put(STAGING, "images/staging_only.width-800.jpg", body(202));
    s3.put(STAGING, "documents/staging_only.pdf", body(203));
    s3.put(STAGING, "elsewhere/keep.txt", "not media");
    s3.put(PRODUCTION, "elsewhere/keep.txt", "not media, and production's");
}

/// Bytes that differ from number to number.
fn body(number: usize) -> Bytes {
    let length = 500 + (number * 7919) % 4_000;
    (0..length).map(|at| ((at * 31 + number * 17) % 251) as u8).collect()
}
