//! Answers the runbook's questions about file storage: is it AWS S3, was it set up with Buckup, is
//! it open to the public? A fact that the credentials may not read is skipped, never passed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::report::Verdict;
use super::visitor::Seen;
use crate::adapters::s3::{BucketAddress, Caller, PublicAccessBlock, Setting};

const NOT_ALLOWED: &str = "not allowed to look";

/// One fact about the storage.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StorageLine {
    pub subject: String,
    pub verdict: Verdict,
    pub text: String,
    /// What to change, if the check fails.
    pub setting: Option<String>,
}

/// The known facts about an environment's storage.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct StorageReport {
    pub lines: Vec<StorageLine>,
    /// `null` if unknown. The same holds for `via_buckup`.
    #[serde(rename = "uses_aws_s3")]
    pub uses_aws: Option<bool>,
    pub via_buckup: Option<bool>,
    /// What the public can read of each subject: `open`, `closed` or `unclear`.
    public: BTreeMap<String, &'static str>,
}

impl StorageLine {
    pub fn new(subject: &str, verdict: Verdict, text: impl Into<String>) -> StorageLine {
        StorageLine { subject: subject.to_owned(), verdict, text: text.into(), setting: None }
    }
}

impl StorageReport {
    /// A report without checks, with the reason.
    pub fn not_looked(reason: &str) -> StorageReport {
        let text = format!("not checked: {reason}");
        let lines = vec![StorageLine::new("storage", Verdict::Skip, text)];
        StorageReport { lines, ..StorageReport::default() }
    }

    pub fn add(&mut self, subject: &str, verdict: Verdict, text: impl Into<String>) {
        self.lines.push(StorageLine::new(subject, verdict, text));
    }

    pub fn fails(&self) -> bool {
        self.failures().next().is_some()
    }

    pub fn failures(&self) -> impl Iterator<Item = &StorageLine> {
        self.lines.iter().filter(|line| line.verdict == Verdict::Fail)
    }

    pub fn add_address(&mut self, address: &BucketAddress) {
        self.uses_aws = Some(address.is_at_aws());
        self.add("provider", Verdict::Pass, provider(address));
        let region = address.region();
        self.add("bucket", Verdict::Pass, format!("{}, region {region}", address.bucket));
    }

    pub fn add_versioning(&mut self, found: &Setting<String>) {
        let text = |status: &String| match status.as_str() {
            "Enabled" => "on".to_owned(),
            other => other.to_lowercase(),
        };
        self.add_setting("versioning", found, text, "off");
    }

    pub fn add_encryption(&mut self, found: &Setting<String>) {
        self.add_setting("encryption", found, Clone::clone, "not configured");
    }

    pub fn add_lifecycle(&mut self, found: &Setting<(usize, usize)>) {
        let text = |(all, enabled): &(usize, usize)| format!("{enabled} of {all} rules enabled");
        self.add_setting("lifecycle", found, text, "no rules");
    }

    pub fn add_access_block(&mut self, found: &Setting<PublicAccessBlock>) {
        let text = |block: &PublicAccessBlock| match block.is_complete() {
            true => "all four switches are on".to_owned(),
            false => {
                let switches = [
                    (block.block_acls, "BlockPublicAcls"),
                    (block.ignore_acls, "IgnorePublicAcls"),
                    (block.block_policy, "BlockPublicPolicy"),
                    (block.restrict_buckets, "RestrictPublicBuckets"),
                ];
                let off = switches.iter().filter(|(on, _)| !on).map(|(_, name)| *name);
                format!("off: {}", off.collect::<Vec<_>>().join(", "))
            }
        };
        self.add_setting("public access block", found, text, "not set: all four are off");
    }

    pub fn add_policy(&mut self, found: &Setting<bool>) {
        let text = |is_public: &bool| match is_public {
            true => "the bucket's policy allows public access".to_owned(),
            false => "the bucket's policy allows no public access".to_owned(),
        };
        self.add_setting("policy status", found, text, "no bucket policy");
    }

    /// Guesses from the user's name whether Buckup created it: Buckup names users after the bucket.
    pub fn add_caller(&mut self, found: &Result<Caller, String>, bucket: &str) {
        let caller = match found {
            Ok(caller) => caller,
            Err(reason) => return self.add("user", Verdict::Skip, reason.clone()),
        };
        let name = caller.name().to_ascii_lowercase();
        let is_buckups = caller.arn.contains(":user/") && name.starts_with(&bucket.to_lowercase());
        self.via_buckup = Some(is_buckups);
        let named = match is_buckups {
            true => "named after the bucket, like Buckup's users",
            false => "not named after the bucket, so probably not Buckup's",
        };
        let text = format!("{} of account {}: {named}", caller.name(), caller.account);
        self.add("user", Verdict::Pass, text);
    }

    fn add_setting<T>(
        &mut self,
        subject: &str,
        found: &Setting<T>,
        text: impl Fn(&T) -> String,
        not_set: &str,
    ) {
        let (verdict, text) = match found {
            Setting::Is(value) => (Verdict::Pass, text(value)),
            Setting::NotSet => (Verdict::Pass, not_set.to_owned()),
            Setting::NotAllowed => (Verdict::Skip, NOT_ALLOWED.to_owned()),
            Setting::Unknown(reason) => (Verdict::Skip, format!("unknown: {reason}")),
        };
        self.add(subject, verdict, text);
    }

    /// Adds the check of a listing. It must not be open, because it names every file, including
    /// private ones.
    pub fn add_listing(&mut self, place: &str, seen: &Seen) {
        let subject = format!("listing at {place}");
        let setting = "remove s3:ListBucket for everyone (`\"Principal\": \"*\"`) from the \
            bucket's policy, and READ for AllUsers from its ACL";
        self.add_seen(&subject, seen, Some(setting), "anyone can list the bucket");
    }

    /// Adds the check of a file that the site shows to everyone. Open and closed both pass.
    pub fn add_file(&mut self, kind: &str, place: &str, key: &str, seen: &Seen) {
        let open = format!("anyone can read {key}");
        self.add_seen(&format!("{kind} at {place}"), seen, None, &open);
    }

    /// Adds the check of a file that may be private, so it is not named.
    pub fn add_unknown(&mut self, kind: &str, place: &str, may_be_private: bool, seen: &Seen) {
        let open = match may_be_private {
            true => "anyone can read a document that may be private".to_owned(),
            false => "anyone can read a file".to_owned(),
        };
        self.add_seen(&format!("{kind} at {place}"), seen, None, &open);
        if let (Seen::Open, true, Some(line)) = (seen, may_be_private, self.lines.last_mut()) {
            line.verdict = Verdict::Warn;
        }
    }

    /// Adds the check of a private document. Its name may be personal, so only its number is shown.
    pub fn add_private(&mut self, place: &str, id: i64, seen: &Seen) {
        let subject = format!("private document at {place}");
        let open = format!("anyone can read document {id}, which is in a private collection");
        let setting = "remove s3:GetObject of documents/* for everyone from the bucket's policy, \
            and public-read from AWS_DEFAULT_ACL and media.acl";
        self.add_seen(&subject, seen, Some(setting), &open);
    }

    fn add_seen(&mut self, subject: &str, seen: &Seen, setting: Option<&str>, open: &str) {
        self.public.insert(subject.to_owned(), seen.name());
        let (verdict, text) = match (seen, setting) {
            (Seen::Open, Some(_)) => (Verdict::Fail, open.to_owned()),
            (Seen::Open, None) => (Verdict::Pass, open.to_owned()),
            (Seen::Closed(how), _) => (Verdict::Pass, format!("not open to the public ({how})")),
            (Seen::Unclear(why), _) => (Verdict::Warn, format!("unknown: {why}")),
        };
        let setting = setting.filter(|_| verdict == Verdict::Fail).map(str::to_owned);
        self.lines.push(StorageLine { setting, ..StorageLine::new(subject, verdict, text) });
    }

    pub(super) fn document(&self) -> StorageDocument<'_> {
        StorageDocument { ok: !self.fails(), report: self }
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct StorageDocument<'a> {
    /// Whether nothing private is open.
    ok: bool,
    #[serde(flatten)]
    report: &'a StorageReport,
}

/// The provider of the server, recognised by its host.
fn provider(address: &BucketAddress) -> String {
    const KNOWN: [(&str, &str); 8] = [
        ("digitaloceanspaces.com", "DigitalOcean Spaces"),
        ("r2.cloudflarestorage.com", "Cloudflare R2"),
        ("backblazeb2.com", "Backblaze B2"),
        ("wasabisys.com", "Wasabi"),
        ("storage.googleapis.com", "Google Cloud Storage"),
        ("linodeobjects.com", "Akamai (Linode)"),
        ("scw.cloud", "Scaleway"),
        ("ovh.net", "OVHcloud"),
    ];
    if address.is_at_aws() {
        return "AWS S3".to_owned();
    }
    let host = address.host();
    let name = host.split(['/', ':']).next().unwrap_or_default().trim_end_matches('.');
    let is = |domain: &str| {
        name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    match KNOWN.iter().find(|(domain, _)| is(domain)) {
        Some((_, provider)) => format!("{provider}, not AWS S3"),
        None => format!("{host}, not AWS S3"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_fact_is_skipped_and_never_passes() {
        let mut report = StorageReport::default();
        report.add_versioning(&Setting::NotAllowed);
        report.add_policy(&Setting::Unknown("the server answers NotImplemented".to_owned()));
        report.add_caller(&Err("not allowed to look".to_owned()), "bc");
        assert!(report.lines.iter().all(|line| line.verdict == Verdict::Skip));
        assert_eq!(report.via_buckup, None);
        report.add_listing("the bucket", &Seen::Unclear("no answer".to_owned()));
        assert!(!report.fails());
        report.add_file("image", "the bucket", "images/a", &Seen::Open);
        assert!(!report.fails());
        report.add_unknown("document", "the bucket", true, &Seen::Open);
        assert_eq!(report.lines.last().map(|line| line.verdict), Some(Verdict::Warn));
        assert!(!report.fails());
        report.add_private("the bucket", 7, &Seen::Open);
        report.add_listing("the bucket", &Seen::Open);
        assert_eq!(report.failures().filter(|line| line.setting.is_some()).count(), 2);
    }

    #[test]
    fn users_of_buckup_are_named_after_the_bucket() {
        for (arn, wanted) in [
            ("arn:aws:iam::1:user/bc-production-owner", true),
            ("arn:aws:iam::1:user/path/bc-production", true),
            ("arn:aws:iam::1:user/alice", false),
            ("arn:aws:sts::1:assumed-role/bc-production/x", false),
        ] {
            let mut report = StorageReport::default();
            let caller = Caller { arn: arn.to_owned(), account: "1".to_owned() };
            report.add_caller(&Ok(caller), "bc-production");
            assert_eq!(report.via_buckup, Some(wanted), "{arn}");
        }
    }
}
