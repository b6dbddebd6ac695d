//! Plays the settings of a bucket: its sub-resources, and the rights of strangers.

use hyper::{Response, StatusCode};

use super::requests::Recorded;
use super::server::{Shared, document, error};
use crate::standins::server::{Body, full};

#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Whether keys that may read may also read the settings.
    pub may_look: bool,
    /// `Enabled`, `Suspended` or none.
    pub versioning: Option<&'static str>,
    pub encryption: Option<&'static str>,
    /// The number of lifecycle rules.
    pub lifecycle: usize,
    /// The four switches.
    pub access_block: Option<[bool; 4]>,
    pub policy_is_public: Option<bool>,
    /// Whether anyone may list the bucket.
    pub public_listing: bool,
    /// The prefixes that anyone may read.
    pub public_prefixes: Vec<&'static str>,
}

/// The answer to a request for the settings. `None` for other requests.
pub fn answer(shared: &Shared, request: &Recorded) -> Option<Response<Body>> {
    if !request.key.is_empty() || request.access_key.is_empty() {
        return None;
    }
    let name = request.query.split(['=', '&']).next().unwrap_or_default();
    let known = ["versioning", "encryption", "lifecycle", "publicAccessBlock", "policyStatus"];
    if !known.contains(&name) {
        return None;
    }
    let setups = shared.setups.lock().expect("no panic");
    let setup = setups.get(&request.bucket).cloned().unwrap_or_default();
    if !setup.may_look {
        return Some(error(403, "AccessDenied", "Access Denied"));
    }
    let none = |code: &str| error(404, code, "There is none.");
    Some(match name {
        "versioning" => {
            let status = setup.versioning.map(|status| format!("<Status>{status}</Status>"));
            let status = status.unwrap_or_default();
            document(200, &format!("<VersioningConfiguration>{status}</VersioningConfiguration>"))
        }
        "encryption" => match setup.encryption {
            None => none("ServerSideEncryptionConfigurationNotFoundError"),
            Some(algorithm) => document(
                200,
                &format!(
                    "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>{algorithm}</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
                ),
            ),
        },
        "lifecycle" if setup.lifecycle == 0 => none("NoSuchLifecycleConfiguration"),
        "lifecycle" => {
            let rules = "<Rule><ID>x</ID><Status>Enabled</Status></Rule>".repeat(setup.lifecycle);
            document(200, &format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>"))
        }
        "publicAccessBlock" => match setup.access_block {
            None => none("NoSuchPublicAccessBlockConfiguration"),
            Some([acls, ignore, policy, restrict]) => document(
                200,
                &format!(
                    "<PublicAccessBlockConfiguration><BlockPublicAcls>{acls}</BlockPublicAcls><IgnorePublicAcls>{ignore}</IgnorePublicAcls><BlockPublicPolicy>{policy}</BlockPublicPolicy><RestrictPublicBuckets>{restrict}</RestrictPublicBuckets></PublicAccessBlockConfiguration>"
                ),
            ),
        },
        _ => match setup.policy_is_public {
            None => none("NoSuchBucketPolicy"),
            Some(is) => {
                document(200, &format!("<PolicyStatus><IsPublic>{is}</IsPublic></PolicyStatus>"))
            }
        },
    })
}

/// The answer to a request without credentials.
pub fn to_a_stranger(shared: &Shared, request: &Recorded) -> Option<Response<Body>> {
    let reads = matches!(request.operation, "GetObject" | "ListObjectsV2");
    if !request.access_key.is_empty() || !reads {
        return None;
    }
    let setups = shared.setups.lock().expect("no panic");
    let setup = setups.get(&request.bucket).cloned().unwrap_or_default();
    if request.operation == "ListObjectsV2" {
        return Some(match setup.public_listing {
            true => document(
                200,
                "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
            ),
            false => error(403, "AccessDenied", "Access Denied"),
        });
    }
    let is_public = setup.public_prefixes.iter().any(|one| request.key.starts_with(one));
    match shared.store.find(&request.bucket, &request.key) {
        Ok(object) if is_public => {
            let mut response = Response::new(full(object.body.clone()));
            *response.status_mut() = StatusCode::OK;
            Some(response)
        }
        _ => Some(error(403, "AccessDenied", "Access Denied")),
    }
}

/// STS's GetCallerIdentity: the owner of a pair of keys.
pub fn caller(shared: &Shared, request: &Recorded) -> Option<Response<Body>> {
    if request.service != "sts" {
        return None;
    }
    let users = shared.users.lock().expect("no panic");
    Some(match users.get(&request.access_key) {
        Some(name) => document(
            200,
            &format!(
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/{name}</Arn><UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
            ),
        ),
        None => document(
            403,
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
        ),
    })
}
