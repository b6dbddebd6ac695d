//! Holds `docs/when-it-stops.md` to the tests: each service, each of its answers, and how a reset
//! ends.

use std::fs;
use std::path::Path;

/// Service, answer, end, and the name of the test that proves it.
const ROWS: &str = "
| Heroku | refuses the token | nothing was changed | failures_of_heroku |
| Heroku | one 5xx, or a lost answer | open | a_temporary_error_does_not_end_a_change |
| Heroku | its rate limit is full | open, when the limit has room again | a_full_rate_limit_is_waited_for |
| Heroku | forbids maintenance | as open as before | failures_of_heroku |
| Heroku | HTML in place of an answer to scaling | closed | failures_of_heroku |
| Heroku | the build or the release phase fails | as open as before | failures_of_deploys |
| Heroku | closes the rendezvous of one-off dynos | closed | failures_at_the_end |
| Heroku | refuses the port of the rendezvous | open, with a warning | without_a_rendezvous_the_result_is_the_same |
| Heroku | a scheduler starts dynos | open, with a warning | a_dyno_that_a_scheduler_starts_after_the_verification_is_stopped |
| Heroku | staging is in maintenance before the run | as `--open` says | maintenance_before_a_run_is_a_question |
| Heroku | someone rolls back during the run | open, with a warning | a_rollback_during_a_run_is_corrected_before_staging_opens |
| data API | the capture of staging fails | nothing was changed | failures_of_backups |
| data API | the source's backups cannot be listed | nothing was changed | failures_of_backups |
| data API | 20 polls in a row are lost | open | twenty_one_lost_polls_are_survived |
| data API | the reset of the database is forbidden | closed | failures_of_heroku |
| data API | the restore fails or is cancelled | closed | failures_of_restores_at_heroku |
| data API | the restore completes with a part missing | closed | an_incomplete_restore_is_a_failure |
| data API | the backup vanishes before the load | closed | a_backup_that_vanishes_stops_the_run_before_the_load |
| git | the origin is gone | nothing was changed | failures_of_git |
| git | the branch does not allow a force push | nothing was changed | failures_of_git |
| git | a colleague pushed meanwhile | nothing was changed | a_concurrent_push_is_not_overwritten |
| git | a branch in conflict | nothing was changed | failures_of_git |
| Postgres | the backup is damaged | closed | failures_of_loads |
| Postgres | a table is not classified | nothing was changed | failures_of_loads |
| Postgres | `migrate` fails | closed | failures_of_loads |
| Postgres | personal data remains | closed | personal_data_that_remains_keeps_staging_closed |
| S3 | an object is archived, gone, missing or refused | open, with a warning | objects_that_cannot_be_copied_are_warnings |
| S3 | no object can be written | open, with a warning | objects_that_cannot_be_copied_are_warnings |
| S3 | the copy is given up before every object was tried | open, with a warning | objects_that_cannot_be_copied_are_warnings |
| S3 | the source cannot be listed | closed | a_bucket_that_cannot_be_listed_is_skipped |
| Redis | gone | closed | a_redis_that_goes_down_keeps_staging_closed |
| Elasticsearch | absent | open | every_part_of_staging_is_new_after_a_streamed_backup |
| Elasticsearch | forbids everything | closed | a_search_cluster_that_refuses_everything_keeps_staging_closed |
| Elasticsearch | one index cannot be counted | open, with a warning | an_index_that_cannot_be_counted_is_a_warning |
| Elasticsearch | an index of the site is missing, empty or short | closed | an_index_that_is_empty_keeps_staging_closed |
| Elasticsearch | `update_index` fails, and an index of the site is missing or empty | closed | an_index_that_is_not_built_keeps_staging_closed |
| Elasticsearch | `update_index` fails, and the site's indices are there | open, with a warning | an_index_that_is_not_rebuilt_is_a_warning |
| Elasticsearch | over its plan: it refuses changes, and the site's indices are there | open, with a warning | a_search_cluster_that_refuses_changes_is_a_warning |
| Cloudflare | absent | open | every_part_of_staging_is_new_after_a_streamed_backup |
| Cloudflare | forbids the purge | closed | a_purge_that_is_forbidden_keeps_staging_closed |
| Cloudflare | answers without success | closed | a_purge_without_success_keeps_staging_closed |
| GitLab | absent | open | every_part_of_staging_is_new_after_a_streamed_backup |
| GitLab | does not answer | open, with a warning | a_gitlab_that_does_not_answer_is_a_warning |
| Slack | absent | open | every_part_of_staging_is_new_after_a_streamed_backup |
| Sites | one that answered before answers 5xx or nothing | closed | a_site_that_answers_500_goes_back_into_quarantine |
| Sites | one that could not be reached before | open, with a warning | a_host_that_answered_has_to_answer_again |
| Slack | refuses the message | open, with a warning | a_slack_that_refuses_is_a_warning |
";

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The cells of each line of a table.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with("| "));
    lines.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// Service, answer and end of each case in the page: a heading for each end, a line for each service.
fn documented(section: &str) -> Vec<Vec<&str>> {
    let (mut cases, mut end) = (Vec::new(), "");
    for line in section.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            end = heading;
        } else if let Some((service, answers)) =
            line.strip_prefix("* ").and_then(|line| line.split_once(": "))
        {
            cases.extend(answers.split("; ").map(|answer| vec![service, answer, end]));
        }
    }
    cases
}

#[test]
fn the_cases_of_the_page_are_those_that_tests_hold() {
    let page = read("docs/when-it-stops.md");
    let (_, section) =
        page.split_once("## When a service fails during a reset").expect("the section");
    let section = section.split("\n## ").next().expect("a section");
    let section = section.replace("\n  ", " ");
    let mut documented = documented(&section);
    let mut held: Vec<Vec<&str>> = rows(ROWS).into_iter().map(|row| row[..3].to_vec()).collect();
    documented.sort_unstable();
    held.sort_unstable();
    assert_eq!(documented, held);
}

#[test]
fn each_row_has_its_test() {
    let mut sources = String::new();
    let mut folders = vec![
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/reset"),
    ];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|end| end == "rs") => {
                    sources.push_str(&fs::read_to_string(&path).expect("a source"));
                }
                false => {}
            }
        }
    }
    for row in rows(ROWS) {
        let [service, answer, _, test] = row[..] else { panic!("{row:?} has not four cells") };
        assert!(sources.contains(&format!("fn {test}()")), "{service}, {answer}: no test {test}");
    }
}
