//! Sets faults during a reset, and sends visitors, who request staging all the time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::World;
use crate::standins::heroku::{CapturePlan, Deploy, Fault, Outcome, Rendezvous, Rule};
use crate::standins::site::Visit;

/// Longer than the time limit of any test.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// A fault, from now on or the next time.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// New backups end in this state.
    CaptureEnds(Outcome),
    CaptureNeverEnds,
    /// Restores by Heroku end in this state, although the database is filled.
    RestoreEnds(Outcome),
    RestoreNeverEnds,
    /// This many requests for a transfer's state get no answer: 20 are tolerated, 21 are not.
    LostPolls(u32),
    BuildFails,
    /// The code is in the repository and built, but is not released.
    ReleaseFails,
    ReleaseExpires,
    DeployNeverEnds,
    /// A command of manage.py never ends.
    CommandHangs(&'static str),
    CommandFails(&'static str),
    /// `makemigrations --check` finds changes that have no migration.
    MissingMigration,
    /// `makemigrations --check` and `migrate` find two leaf nodes.
    MigrationConflict,
    /// `update_index` succeeds and leaves all indices empty.
    EmptyIndex,
    Rendezvous(Rendezvous),
    /// Another person pushes to staging's branch now.
    BranchMoved,
    /// The same during the program's next push to the origin.
    BranchMovedDuringPush,
    /// The same during the program's push to the same branch.
    BranchMovedDuringItsPush,
    /// The origin refuses to rewrite staging's branch.
    ProtectedBranch,
    /// The origin refuses all pushes to staging's branch.
    ClosedBranch,
    /// Staging's first host answers 500 when it is up.
    HostBroken,
}

impl World {
    pub fn make(&self, trouble: Trouble) {
        let (heroku, code) = (&self.whole.heroku, &self.whole.code);
        let never = CapturePlan { running: NEVER, ..CapturePlan::default() };
        let ending = |outcome| CapturePlan { outcome, ..CapturePlan::default() };
        let deploy = self.whole.deploy();
        match trouble {
            Trouble::CaptureEnds(outcome) => heroku.plan_captures(ending(outcome)),
            Trouble::CaptureNeverEnds => heroku.plan_captures(never),
            Trouble::RestoreEnds(outcome) => heroku.plan_restores(ending(outcome)),
            Trouble::RestoreNeverEnds => heroku.plan_restores(never),
            Trouble::LostPolls(count) => {
                heroku.misbehave(Rule::times(count, "/transfers/", Fault::CloseBefore).on("GET"));
            }
            Trouble::BuildFails => {
                heroku.plan_deploys(Deploy { build_succeeds: false, ..deploy });
            }
            Trouble::ReleaseFails => {
                let command = "echo 'django.db.utils.OperationalError: told to fail' >&2; exit 1";
                let release_command = Some(command.to_owned());
                heroku.plan_deploys(Deploy { release_command, ..deploy });
            }
            Trouble::ReleaseExpires => {
                heroku.plan_deploys(Deploy { release_expires: true, ..deploy });
            }
            Trouble::DeployNeverEnds => {
                heroku.plan_deploys(Deploy { never_ends: true, ..deploy });
            }
            Trouble::CommandHangs(command) => code.control(command, Some("hang")),
            Trouble::CommandFails(command) => code.control(command, Some("fail")),
            Trouble::MissingMigration => code.control("makemigrations", Some("missing")),
            Trouble::MigrationConflict => {
                code.control("makemigrations", Some("conflict"));
                code.control("migrate", Some("conflict"));
            }
            Trouble::EmptyIndex => code.control("update_index", Some("empty")),
            Trouble::Rendezvous(how) => heroku.plan_rendezvous(how),
            Trouble::BranchMoved => _ = code.somebody_pushes("staging"),
            Trouble::BranchMovedDuringPush => {
                _ = code.somebody_pushes_during_the_next_push("staging");
            }
            Trouble::BranchMovedDuringItsPush => {
                _ = code.somebody_pushes_during_its_next_push("staging");
            }
            Trouble::ProtectedBranch => code.protect(&["staging", "master"]),
            Trouble::ClosedBranch => code.close(&["staging", "master"]),
            Trouble::HostBroken => self.whole.site.break_host("staging-1"),
        }
    }

    /// Whether staging's database holds rows of production that a scrub must delete. It holds none
    /// at the beginning.
    pub fn holds_unscrubbed_rows(&self) -> bool {
        self.unscrubbed()()
    }

    fn unscrubbed(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let cluster = self.whole.databases.cluster();
        let newest = "SELECT max(id) FROM wagtailforms_formsubmission";
        let newest = self.whole.databases.production(newest);
        let sql = format!("SELECT count(*) FROM wagtailforms_formsubmission WHERE id = {newest}");
        let question = cluster.question(&self.whole.databases.staging, &sql);
        // Without the table there are no such rows.
        move || question.ask().is_ok_and(|count| count != "0")
    }

    /// Visitors of all staging hosts, until their results are requested.
    pub fn send_visitors(&self) -> Visitors<'_> {
        self.whole.site.served_while(self.unscrubbed());
        let ports: Vec<u16> = self
            .whole
            .hosts()
            .iter()
            .filter_map(|(_, url)| url.rsplit(':').next()?.parse().ok())
            .collect();
        let go_on = Arc::new(AtomicBool::new(true));
        let thread = {
            let go_on = Arc::clone(&go_on);
            std::thread::spawn(move || {
                while go_on.load(Ordering::Relaxed) {
                    for port in &ports {
                        visit(*port);
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            })
        };
        Visitors { world: self, go_on, thread: Some(thread) }
    }
}

pub struct Visitors<'a> {
    world: &'a World,
    go_on: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Visitors<'_> {
    /// Ends the visits. Returns those that got content while staging held unscrubbed rows.
    pub fn exposed(mut self) -> Vec<Visit> {
        self.end();
        self.world.whole.site.exposed()
    }

    fn end(&mut self) {
        self.go_on.store(false, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the visitors");
        }
    }
}

impl Drop for Visitors<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end();
        }
    }
}

/// Requests the first page of a host on loopback. Returns the whole answer, if one came.
pub fn visit(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let request = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
