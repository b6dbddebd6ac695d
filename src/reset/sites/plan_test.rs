//! Tests what records become by the rules.

use std::collections::HashMap;

use super::*;
use crate::settings::{Environment, HostMapping, ProcessEnv, Settings};

fn record(id: i64, hostname: &str) -> SiteRecord {
    SiteRecord {
        id,
        hostname: hostname.to_owned(),
        port: 443,
        site_name: format!("Site {id}"),
        is_default_site: id == 1,
        root_page_id: id * 10,
    }
}

fn environments() -> HashMap<String, Environment> {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::load(&ProcessEnv {
        variable: &|_| None,
        working_directory: folder.path(),
        home: None,
        config_file: None,
    });
    settings.unwrap().environments.into_iter().collect()
}

fn rules(mapping: &[&str], production: &[SiteRecord]) -> HostRules {
    let mapping: Vec<HostMapping> = mapping.iter().map(|text| text.parse().unwrap()).collect();
    let all = environments();
    let protected = all.values().filter(|environment| environment.protected);
    HostRules::new(&mapping, &all["staging"], protected, production).unwrap()
}

const STAGING: &str = "buckinghamshire-staging.staging.torchbox.com";

fn production() -> Vec<SiteRecord> {
    vec![
        record(1, "www.buckinghamshire.gov.uk"),
        record(2, "jobs.buckinghamshire.gov.uk"),
        record(3, "fostering.buckinghamshire.gov.uk"),
        record(4, "Send.FamilyInfo.buckinghamshire.gov.uk"),
    ]
}

fn planned(mapping: &[&str], before: &[SiteRecord]) -> Result<Vec<Change>, SitesError> {
    let now = production();
    plan(&now, before, &rules(mapping, &now))
}

fn outcome(changes: &[Change]) -> Vec<(String, Reason)> {
    changes.iter().map(|change| (change.to.to_string(), change.reason)).collect()
}

#[test]
fn the_rules_apply_in_their_order() {
    let before = [
        record(1, "own.example"),
        record(2, "own-jobs.example"),
        // Another site that has the same id by chance.
        SiteRecord { root_page_id: 99, ..record(3, "elsewhere.example") },
    ];
    let mapping = ["www.buckinghamshire.gov.uk=mapped.example:8000"];
    let changes = planned(&mapping, &before).unwrap();
    assert_eq!(
        outcome(&changes),
        [
            ("mapped.example:8000".to_owned(), Reason::Configured),
            ("own-jobs.example:443".to_owned(), Reason::AsBefore),
            (format!("fostering.{STAGING}:443"), Reason::Derived),
            (format!("send.{STAGING}:443"), Reason::Derived),
        ]
    );
    let warnings: Vec<bool> = changes.iter().map(|change| change.warning.is_some()).collect();
    assert_eq!(warnings, [false, false, true, true]);
    assert!(changes[2].warning.as_ref().unwrap().contains("fostering.buckinghamshire.gov.uk"));
}

#[test]
fn without_records_of_staging_the_default_site_gets_its_url() {
    let changes = planned(&[], &[]).unwrap();
    assert_eq!(outcome(&changes)[0], (format!("{STAGING}:443"), Reason::FirstSite));
}

#[test]
fn the_closest_mapping_counts() {
    let mapping = [
        "*.gov.uk=*.far.example",
        "*.buckinghamshire.gov.uk=*.near.example",
        "jobs.buckinghamshire.gov.uk=exact.example",
        "*.familyinfo.buckinghamshire.gov.uk=*.family.example:80",
    ];
    let hosts: Vec<String> =
        planned(&mapping, &[]).unwrap().iter().map(|change| change.to.to_string()).collect();
    assert_eq!(
        hosts,
        [
            "www.near.example:443",
            "exact.example:443",
            "fostering.near.example:443",
            "send.family.example:80"
        ]
    );
}

#[test]
fn hosts_of_production_in_stagings_records_do_not_count() {
    let before = [record(1, "WWW.buckinghamshire.gov.uk."), record(2, "jobs.own.example")];
    let changes = planned(&[], &before).unwrap();
    assert_eq!(changes[0].reason, Reason::FirstSite);
    assert_eq!(changes[1].reason, Reason::AsBefore);
}

#[test]
fn no_host_of_production_remains() {
    for host in
        ["Jobs.buckinghamshire.gov.uk", "buckinghamshire-content-prep.production.torchbox.com"]
    {
        let mapping = format!("www.buckinghamshire.gov.uk={host}:8000");
        let error = planned(&[&mapping], &[]).unwrap_err();
        assert!(matches!(error, SitesError::Production { .. }), "{error}");
        assert!(error.to_string().contains("the site 1 (www.buckinghamshire.gov.uk:443)"));
    }
}

#[test]
fn seven_sites_on_one_host_are_refused() {
    let now: Vec<SiteRecord> =
        (1..8).map(|id| record(id, &format!("s{id}.buckinghamshire.gov.uk"))).collect();
    let mapping: Vec<String> =
        now.iter().map(|record| format!("{}=one.example", record.hostname)).collect();
    let mapping: Vec<&str> = mapping.iter().map(String::as_str).collect();
    let error = plan(&now, &[], &rules(&mapping, &now)).unwrap_err().to_string();
    assert_eq!(
        error,
        "the site 1 (s1.buckinghamshire.gov.uk:443) and the site 2 (s2.buckinghamshire.gov.uk:443) \
         would both become one.example:443; nothing was changed"
    );
    // One host with several ports is not one address.
    let ports: Vec<String> =
        now.iter().map(|one| format!("{}=one.example:{}", one.hostname, 8000 + one.id)).collect();
    let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
    assert_eq!(plan(&now, &[], &rules(&ports, &now)).unwrap().len(), 7);
}

#[test]
fn several_default_sites_do_not_share_an_address() {
    let now: Vec<SiteRecord> = production()
        .into_iter()
        .map(|record| SiteRecord { is_default_site: true, ..record })
        .collect();
    let changes = plan(&now, &[], &rules(&[], &now)).unwrap();
    let first = changes.iter().filter(|change| change.reason == Reason::FirstSite).count();
    assert_eq!(first, 1);
}

#[test]
fn planning_the_result_of_a_plan_changes_nothing() {
    let production = production();
    let rules = rules(&["*.familyinfo.buckinghamshire.gov.uk=*.family.example"], &production);
    let mut now = production;
    for change in plan(&now, &[], &rules).unwrap() {
        let record = now.iter_mut().find(|record| record.id == change.id).unwrap();
        (record.hostname, record.port) = (change.to.hostname, change.to.port);
    }
    // Mapped records keep the hosts that staging had, as after a reset.
    let again = plan(&now, &now, &rules).unwrap();
    assert!(again.iter().all(|change| !change.changes_anything()), "{again:?}");
}

#[test]
fn an_environment_without_urls_needs_a_map() {
    let mut environment = environments().remove("staging").unwrap();
    environment.sites.clear();
    let rules = HostRules::new(&[], &environment, [], &[]).unwrap();
    let error = plan(&production(), &[], &rules).unwrap_err();
    assert!(matches!(error, SitesError::NoHost { .. }), "{error}");
    environment.sites.push("staging.example".to_owned());
    let error = HostRules::new(&[], &environment, [], &[]).unwrap_err();
    assert!(matches!(error, SitesError::BadUrl { .. }), "{error}");
}

#[test]
fn a_record_without_a_valid_host_gets_none() {
    let now = [record(2, ""), record(3, "a b.example")];
    for one in now {
        let error = plan(&[one], &[], &rules(&[], &[])).unwrap_err();
        assert!(matches!(error, SitesError::NoHost { .. }), "{error}");
    }
}

#[test]
fn no_records_need_no_changes() {
    assert_eq!(plan(&[], &production(), &rules(&[], &[])).unwrap(), []);
}
