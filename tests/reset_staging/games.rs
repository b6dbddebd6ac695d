//! Plays random games of two operators, each with a clone and a state folder, and of other events
//! on staging. After each move a model compares the tool's output with the stand-ins. Nothing that
//! an editor wrote is lost without a backup, and from the end of each game the hints lead to a
//! working staging.
//!
//! `BCOPS_GAMES` is the number of games, and `BCOPS_SEED` the seed of the first.

use std::time::Duration;

use serde_json::Value;

use crate::command::{Bcops, Run};
use crate::reset_staging::calm::{deployed, reset_by};
use crate::reset_staging::kills::{Chance, in_worlds};
use crate::reset_staging::world::{World, visit};
use crate::whole_site::STAGING;

const MOVES: u64 = 7;

/// An editor's text, and the number of good backups at that time.
struct Work {
    mark: String,
    backups: usize,
}

struct Game<'a> {
    world: &'a World,
    other: Bcops,
    chance: Chance,
    work: Vec<Work>,
    /// A person has turned it on by hand, so a reset may keep it.
    by_hand: bool,
    log: Vec<String>,
}

impl Game<'_> {
    fn operator(&mut self) -> &Bcops {
        if self.chance.below(2) == 0 { &self.world.bcops } else { &self.other }
    }

    /// The newest run of either operator.
    fn run(&self) -> Option<String> {
        let of = |bcops: &Bcops| {
            let runs = std::fs::read_dir(bcops.state_directory().join("runs")).ok()?;
            runs.flatten().filter_map(|run| run.file_name().into_string().ok()).max()
        };
        of(&self.world.bcops).max(of(&self.other))
    }

    fn is_locked(&self) -> bool {
        let origin = self.world.whole.code.origin();
        let references = self.world.whole.code.references(&origin);
        references.iter().any(|line| line.contains("refs/bcops/lock/staging"))
    }

    fn good_backups(&self) -> usize {
        let backups = self.world.staging().backups;
        backups.iter().filter(|one| **one == "completed").count()
    }

    fn play(&mut self) -> Result<(), String> {
        let heroku = &self.world.whole.heroku;
        let number = self.chance.below(12);
        let run = self.run();
        match (number, run) {
            (0..=2, _) => self.reset_and_kill(),
            (3, _) => {
                self.log.push("reset".to_owned());
                let reset = self.operator().run(&reset_by("stream"));
                self.answered(&reset, &[0, 4, 7])?;
                if reset.code == Some(0) {
                    self.is_open(&reset)?;
                }
                Ok(())
            }
            (4 | 5, Some(run)) => self.command(&["runs", "resume", &run], &[0, 2, 4, 7, 8, 11]),
            (6 | 7, Some(run)) => {
                let more = ["--confirm", STAGING];
                let command = [&["runs", "rollback", &run][..], &more].concat();
                self.command(&command, &[0, 2, 4, 7])
            }
            (8, Some(run)) => {
                let command = ["runs", "unlock", &run, "--confirm", &run, "--force"];
                self.command(&command, &[0, 2, 7])
            }
            (9, _) => {
                self.log.push("heroku rollback v2 by hand".to_owned());
                heroku.somebody_rolls_back(STAGING, 2);
                Ok(())
            }
            (10, _) => {
                let on = self.chance.below(2) == 0;
                self.log.push(format!("maintenance {on} by hand"));
                heroku.somebody_sets_maintenance(STAGING, on);
                self.by_hand = on;
                Ok(())
            }
            (11, _) if self.chance.below(2) == 0 => {
                self.log.push("a colleague pushes".to_owned());
                self.world.whole.code.somebody_pushes("staging");
                Ok(())
            }
            _ => self.edit(),
        }
    }

    fn reset_and_kill(&mut self) -> Result<(), String> {
        let (after, way) = (self.chance.below(9000), self.chance.below(2));
        let way = if way == 0 { "stream" } else { "heroku" };
        self.log.push(format!("reset by {way}, killed after {after} ms"));
        let running = self.operator().start(&reset_by(way));
        std::thread::sleep(Duration::from_millis(after));
        running.kill();
        Ok(())
    }

    fn command(&mut self, command: &[&str], codes: &[i32]) -> Result<(), String> {
        self.log.push(command.join(" "));
        let run = self.operator().run(command);
        self.answered(&run, codes)?;
        if command[1] == "resume" && run.code == Some(0) {
            self.is_open(&run)?;
        }
        if command[1] == "rollback" && run.code == Some(0) && self.is_locked() {
            return Err(format!("the lock is left: {}", run.printed()));
        }
        Ok(())
    }

    fn answered(&mut self, run: &Run, codes: &[i32]) -> Result<(), String> {
        let code = run.code.unwrap_or(-1);
        self.log.push(format!("  {code}"));
        match codes.contains(&code) {
            true => Ok(()),
            false => Err(format!("exit {code}: {}", run.printed())),
        }
    }

    /// An editor writes something, if the site is open.
    fn edit(&mut self) -> Result<(), String> {
        let databases = &self.world.whole.databases;
        let is_there = databases.has_table("wagtailredirects_redirect");
        if !is_there || !self.world.whole.heroku.glance(STAGING).is_reachable() {
            return Ok(());
        }
        let mark = format!("/work-{}/", self.chance.below(1 << 30));
        let write = format!(
            "UPDATE wagtailcore_page SET seo_title = '{mark}' \
             WHERE id = (SELECT min(id) FROM wagtailcore_page WHERE depth > 1)"
        );
        if databases.cluster().try_psql(&databases.staging, &write).is_err() {
            return Ok(());
        }
        self.log.push(format!("an editor writes {mark}"));
        // One mark replaces the previous one, as the editor intended.
        self.work = vec![Work { mark, backups: self.good_backups() }];
        Ok(())
    }

    /// Checks that staging is as promised by a successful reset.
    fn is_open(&mut self, run: &Run) -> Result<(), String> {
        let glance = self.world.whole.heroku.glance(STAGING);
        let tip = self.world.whole.code.origin_tip("refs/heads/staging").map(|tip| tip.to_string());
        if glance.maintenance && !self.by_hand {
            return Err(format!("done, and in maintenance: {}", run.printed()));
        }
        if !glance.dynos.iter().any(|dyno| dyno.starts_with("web.")) {
            return Err(format!("done, and no dyno runs: {}", run.printed()));
        }
        if deployed(self.world) != tip {
            let code = deployed(self.world);
            return Err(format!("done, and {code:?} runs, not {tip:?}: {}", run.printed()));
        }
        if self.is_locked() {
            return Err(format!("done, and locked: {}", run.printed()));
        }
        if !glance.maintenance {
            for (_, url) in self.world.whole.hosts() {
                let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
                let answer = visit(port.expect("a port")).unwrap_or_default();
                if !answer.starts_with("HTTP/1.1 200") {
                    return Err(format!("done, and {url} does not answer: {}", run.printed()));
                }
            }
        }
        Ok(())
    }

    /// Compares the tool's output with the real state.
    fn check(&mut self) -> Result<(), String> {
        let listed = self.operator().run(&["runs", "list", "--json"]);
        let document: Value = serde_json::from_str(&listed.stdout).map_err(|_| listed.printed())?;
        let unfinished = document["result"]["unfinished"].as_array().cloned().unwrap_or_default();
        let says_locked = unfinished.iter().any(|one| one["locked"] == true);
        if says_locked != self.is_locked() {
            return Err(format!("locked: {}, said {unfinished:?}", self.is_locked()));
        }
        let maintenance = self.world.whole.heroku.glance(STAGING).maintenance;
        for one in &unfinished {
            let sentence = one["sentence"].as_str().unwrap_or_default();
            let says = !sentence.contains("not in maintenance");
            if !sentence.contains("at work")
                && (!sentence.contains("in maintenance") || says != maintenance)
            {
                return Err(format!("in maintenance: {maintenance}, said {sentence}"));
            }
        }
        let backups = self.good_backups();
        for work in &self.work {
            let sql =
                format!("SELECT count(*) FROM wagtailcore_page WHERE seo_title = '{}'", work.mark);
            // A job of a killed run may be emptying the database at this moment.
            let databases = &self.world.whole.databases;
            let found = databases.cluster().try_psql(&databases.staging, &sql);
            let there = found.is_ok_and(|count| count.trim() == "1");
            if !there && backups <= work.backups {
                return Err(format!("{} is gone, and no backup has it", work.mark));
            }
        }
        match self.world.production_untouched() {
            true => Ok(()),
            false => Err("production was touched".to_owned()),
        }
    }

    /// Follows the hints from the end of the game to a working staging.
    fn end_well(&mut self) -> Result<(), String> {
        self.log.push("the end".to_owned());
        self.world.whole.heroku.somebody_sets_maintenance(STAGING, false);
        self.by_hand = false;
        for _ in 0..3 {
            let reset = self.other.run(&reset_by("stream"));
            if reset.code == Some(0) {
                return self.is_open(&reset);
            }
            let text = reset.printed();
            let command = ["bcops runs rollback ", "bcops runs resume ", "bcops runs unlock "];
            let hinted = command.iter().find(|command| text.contains(**command));
            let Some(hinted) = hinted else { return Err(format!("no hint: {text}")) };
            let run = text.split(hinted).nth(1).and_then(|rest| rest.get(..20)).unwrap_or_default();
            let run = run.trim_end_matches(|one: char| !one.is_ascii_hexdigit()).to_owned();
            let back = ["runs", "rollback", &run, "--confirm", STAGING, "--past-later-runs"];
            let resume = ["runs", "resume", &run];
            let unlock = ["runs", "unlock", &run, "--confirm", &run, "--force"];
            let followed = match *hinted {
                "bcops runs rollback " => self.other.run(&back),
                "bcops runs resume " => self.other.run(&resume),
                _ => self.other.run(&unlock),
            };
            self.log.push(format!("{hinted}{run}: {:?}", followed.code));
            if !matches!(followed.code, Some(0 | 2)) {
                self.other.run(&unlock);
            }
        }
        Err("no way out".to_owned())
    }
}

fn play(world: &World, seed: u64) -> Result<(), String> {
    let other = world.another_operator();
    let chance = Chance::of(seed);
    let mut game = Game { world, other, chance, work: Vec::new(), by_hand: false, log: Vec::new() };
    let visitors = world.send_visitors();
    let mut played = Ok(());
    for _ in 0..MOVES {
        played = game.play().and_then(|()| game.check());
        if played.is_err() {
            break;
        }
    }
    let ended = played.and_then(|()| game.end_well()).and_then(|()| game.check());
    let exposed = visitors.exposed().len();
    let ended = match (ended, exposed) {
        (Ok(()), 1..) => Err(format!("unverified rows were reachable {exposed} times")),
        (ended, _) => ended,
    };
    ended.map_err(|text| format!("{text}\n{}", game.log.join("\n")))
}

#[test]
fn random_operators_lose_nothing_and_always_find_a_way_out() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (games, first) = (number("BCOPS_GAMES").unwrap_or(1), number("BCOPS_SEED").unwrap_or(16));
    let seeds: Vec<u64> = (first..first + games).collect();
    in_worlds(&seeds, |world, &seed| play(world, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
}
