//! Tests generated sites with people in some columns: with the unchanged draft, a pull holds no
//! personal data, or stops where the draft needs a decision.

use super::generator::Site;
use super::{contents, pull, suggest, world};

#[test]
fn a_database_pulled_with_a_draft_holds_no_personal_data() {
    // A number above 1 is the number of cases.
    let soak = std::env::var("BCOPS_SOAK").ok();
    let seeds = soak.map_or(20, |soak| soak.parse().ok().filter(|n| *n > 1).unwrap_or(500));
    let first: u64 =
        std::env::var("BCOPS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut stopped = 0;
    for seed in first..first + seeds {
        let site = Site::generate(seed);
        let world = world(&site.sql);
        let draft = suggest(&world, "site.dump");
        for value in &site.planted {
            assert!(!draft.contains(value), "seed {seed}: the draft holds {value}\n{draft}");
        }
        let run = pull(&world, &draft);
        if run.code != Some(0) {
            let decided = draft.contains("# Decide these before a scrub can use the manifest:");
            assert!(run.code == Some(9) && decided, "seed {seed}: {}\n{draft}", run.printed());
            stopped += 1;
            continue;
        }
        let contents = contents(&world).to_lowercase();
        for value in &site.planted {
            let found = contents.contains(&value.to_lowercase());
            assert!(!found, "seed {seed}: {value} is in the new database\n{draft}\n{}", site.sql);
        }
    }
    assert!(stopped * 4 <= seeds, "{stopped} of {seeds} stopped");
    eprintln!("{stopped} of {seeds} stopped");
}
