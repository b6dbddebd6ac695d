//! Makes up media like the council's.

use super::S3StandIn;

/// Puts made-up media into production's bucket, and some of them into staging's.
pub fn fill_buckets(s3: &S3StandIn, production: &str, staging: &str) {
    for number in 0..300_usize {
        let (folder, ending) = [
            ("original_images", "jpg"),
            ("images", "width-800.jpg"),
            ("images", "max-165x165.png"),
            ("documents", "pdf"),
        ][number % 4];
        let key = format!("{folder}/Chilterns_walk_{:03}.{ending}", number / 4);
        let length = 2_000 + (number * 7919) % 60_000;
        let body: Vec<u8> = (0..length).map(|at| ((at * 31 + number * 17) % 251) as u8).collect();
        s3.put(production, &key, body.clone());
        if number % 3 == 0 {
            s3.put(staging, &key, body);
        }
    }
}
