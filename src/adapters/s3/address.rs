//! Decides where a bucket is, and whether two addresses may mean one bucket.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, ToSocketAddrs};

use aws_sdk_s3::config::endpoint::Endpoint;
use aws_smithy_types::Document;
use url::{Host, Url};

use super::client::Credentials;
use super::encode;
use super::error::S3Error;
use crate::adapters::transport;

const DEFAULT_REGION: &str = "us-east-1";

/// An environment's config vars for its bucket.
#[derive(Debug, Clone)]
pub struct BucketSettings {
    pub bucket: String,
    pub credentials: Credentials,
    pub region: Option<String>,
    /// A server other than AWS.
    pub endpoint: Option<String>,
    /// How long an answer may take, if the user set a limit.
    pub timeout: Option<std::time::Duration>,
}

/// The checked address of a bucket.
#[derive(Debug, Clone)]
pub struct BucketAddress {
    pub bucket: String,
    region: String,
    /// `None` means AWS itself.
    endpoint: Option<Url>,
}

impl BucketAddress {
    pub fn new(settings: &BucketSettings) -> Result<BucketAddress, S3Error> {
        let bucket = settings.bucket.clone();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if bucket.is_empty() || bucket.starts_with('.') || !bucket.chars().all(allowed) {
            return Err(S3Error::BadConfiguration(format!(
                "`{bucket}` is not a valid bucket name"
            )));
        }
        let region = settings.region.clone().unwrap_or_else(|| DEFAULT_REGION.to_owned());
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if region.is_empty() || !region.chars().all(plain) {
            return Err(S3Error::BadConfiguration(format!(
                "`{region}` is not a valid region name"
            )));
        }
        let endpoint = settings.endpoint.as_deref().map(endpoint).transpose()?;
        Ok(BucketAddress { bucket, region, endpoint })
    }

    pub fn region(&self) -> &str {
        &self.region
    }

    pub fn in_region(&self, region: &str) -> BucketAddress {
        BucketAddress { region: region.to_owned(), ..self.clone() }
    }

    /// The server, for messages.
    pub fn host(&self) -> String {
        match &self.endpoint {
            Some(url) => host_and_port(url) + &path_of(url).unwrap_or_default(),
            None => format!("s3.{}.{}", self.region, self.domain()),
        }
    }

    /// `bucket on host`, for messages.
    pub fn place(&self) -> String {
        format!("{} on {}", self.bucket, self.host())
    }

    /// Whether AWS itself serves the bucket. Bucket names are unique there.
    pub fn is_at_aws(&self) -> bool {
        self.endpoint.as_ref().is_none_or(is_aws)
    }

    /// The URL where AWS identifies a pair of keys.
    pub(super) fn sts(&self) -> String {
        format!("https://sts.{}.{}", self.region, self.domain())
    }

    /// Whether one server serves both buckets, so the server can copy between them.
    pub fn same_server(&self, other: &BucketAddress) -> bool {
        match (&self.endpoint, &other.endpoint) {
            (None, None) => true,
            (Some(one), Some(two)) => {
                one.scheme() == two.scheme()
                    && host_and_port(one) == host_and_port(two)
                    && path_of(one) == path_of(two)
            }
            _ => false,
        }
    }

    /// The bucket's own URL, without a slash at the end.
    pub fn url(&self) -> String {
        let host = self.host();
        match &self.endpoint {
            Some(url) => format!("{}://{host}/{}", url.scheme(), self.bucket),
            // A name with a dot does not match AWS's certificate.
            None if self.bucket.contains(['.', '_']) => format!("https://{host}/{}", self.bucket),
            None => format!("https://{}.{host}", self.bucket),
        }
    }

    /// The URL for the SDK's requests, and the region for their signatures.
    pub(super) fn endpoint(&self) -> Endpoint {
        let text = |text: &str| Document::String(text.to_owned());
        let signing = HashMap::from([
            ("name".to_owned(), text("sigv4")),
            ("signingName".to_owned(), text("s3")),
            ("signingRegion".to_owned(), text(&self.region)),
            ("disableDoubleEncoding".to_owned(), Document::Bool(true)),
        ]);
        let schemes = vec![Document::Object(signing)];
        Endpoint::builder().url(self.url()).property("authSchemes", schemes).build()
    }

    fn domain(&self) -> &'static str {
        if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
    }
}

fn endpoint(text: &str) -> Result<Url, S3Error> {
    let bad = |reason: &str| {
        S3Error::BadConfiguration(format!("the endpoint `{}` {reason}", without_login(text)))
    };
    let url = Url::parse(text).map_err(|_| bad("is not a URL"))?;
    if url.host().is_none() || url.query().is_some() || url.fragment().is_some() {
        return Err(bad("must have a scheme and a host, and may have a port and a path"));
    }
    if path_of(&url).is_none() {
        return Err(bad("has a path that cannot be signed"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("holds a login, which S3 does not use"));
    }
    if !transport::is_private(&url) {
        return Err(bad("is not encrypted: use https, or http on this machine"));
    }
    Ok(url)
}

/// The path before the bucket's name, as in a signature. Usually empty. `None` for a path that a
/// server may read differently.
fn path_of(url: &Url) -> Option<String> {
    let path = encode::decode_path(url.path().trim_end_matches('/'))?;
    let strange = path.split('/').skip(1).any(|part| matches!(part, "" | "." | ".."));
    (!strange).then(|| encode::path(&path))
}

/// The text before an `@` may be a password.
fn without_login(text: &str) -> &str {
    text.rsplit_once('@').map_or(text, |(_, host)| host)
}

pub(super) fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Whether the name belongs to an access point, whose bucket has another name. From the user guide
/// of S3: aliases of access points end in `-s3alias`, those of Object Lambda in `--ol-s3`, and an
/// ARN can replace a name.
pub fn is_access_point(bucket: &str) -> bool {
    let bucket = bucket.to_ascii_lowercase();
    bucket.ends_with("-s3alias") || bucket.ends_with("--ol-s3") || bucket.starts_with("arn:")
}

/// The identity of a bucket, as far as a client knows it without a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketIdentity {
    bucket: String,
    access_key: String,
    server: Server,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Server {
    /// Bucket names are unique across all regions of AWS.
    Aws,
    Other {
        name: String,
        addresses: BTreeSet<IpAddr>,
        loopback: bool,
        port: Option<u16>,
    },
}

impl BucketIdentity {
    /// Resolves the host. A name that does not resolve is compared as a name.
    pub fn of(address: &BucketAddress, credentials: &Credentials) -> BucketIdentity {
        let bucket = address.bucket.to_ascii_lowercase();
        BucketIdentity {
            server: address.endpoint.as_ref().map_or(Server::Aws, |url| server(url, &bucket)),
            access_key: credentials.access_key.clone(),
            bucket,
        }
    }

    /// Whether both may be the same bucket. In doubt the answer is yes: all loopback addresses
    /// count as one host, and the same keys for the same bucket name may mean a proxy.
    pub fn may_be(&self, other: &BucketIdentity) -> bool {
        if self.bucket != other.bucket {
            return false;
        }
        let same_server = match (&self.server, &other.server) {
            (Server::Aws, Server::Aws) => true,
            (
                Server::Other { name, addresses, loopback, port },
                Server::Other {
                    name: name_2,
                    addresses: addresses_2,
                    loopback: loop_2,
                    port: port_2,
                },
            ) => {
                let same_host =
                    name == name_2 || (*loopback && *loop_2) || !addresses.is_disjoint(addresses_2);
                same_host && port == port_2
            }
            _ => false,
        };
        same_server || self.access_key == other.access_key
    }
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase()
}

fn is_aws(url: &Url) -> bool {
    let name = host_of(url);
    name == "amazonaws.com"
        || name.ends_with(".amazonaws.com")
        || name.ends_with(".amazonaws.com.cn")
}

fn server(url: &Url, bucket: &str) -> Server {
    if is_aws(url) {
        return Server::Aws;
    }
    let name = host_of(url);
    let port = url.port_or_known_default();
    let addresses: BTreeSet<IpAddr> = match url.host() {
        Some(Host::Ipv4(address)) => BTreeSet::from([transport::reached(IpAddr::V4(address))]),
        Some(Host::Ipv6(address)) => BTreeSet::from([transport::reached(IpAddr::V6(address))]),
        Some(Host::Domain(domain)) => (domain.trim_end_matches('.'), port.unwrap_or(443))
            .to_socket_addrs()
            .map(|found| found.map(|address| transport::reached(address.ip())).collect())
            .unwrap_or_default(),
        None => BTreeSet::new(),
    };
    let loopback = !addresses.is_empty() && addresses.iter().all(IpAddr::is_loopback);
    // The bucket may be in the host or in the path.
    let name = name.strip_prefix(&format!("{bucket}.")).map_or(name.clone(), str::to_owned);
    Server::Other { name, addresses, loopback, port }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn settings(bucket: &str, region: Option<&str>, endpoint: Option<&str>) -> BucketSettings {
        BucketSettings {
            bucket: bucket.to_owned(),
            credentials: Credentials {
                access_key: format!("{region:?}{endpoint:?}"),
                secret_key: Secret::new("x"),
                session_token: None,
            },
            region: region.map(str::to_owned),
            endpoint: endpoint.map(str::to_owned),
            timeout: None,
        }
    }

    fn identity(bucket: &str, region: Option<&str>, endpoint: Option<&str>) -> BucketIdentity {
        let settings = settings(bucket, region, endpoint);
        BucketIdentity::of(&BucketAddress::new(&settings).unwrap(), &settings.credentials)
    }

    #[test]
    fn aws_has_one_bucket_of_a_name_in_all_regions_and_styles() {
        let bucket = identity("bc-production", Some("eu-west-2"), None);
        assert!(bucket.may_be(&identity("bc-production", None, None)));
        for endpoint in [
            "https://s3.eu-west-1.amazonaws.com",
            "https://bc-production.s3.eu-west-2.amazonaws.com",
            "https://s3.dualstack.eu-west-2.amazonaws.com/",
            "https://S3.AMAZONAWS.COM.",
        ] {
            assert!(bucket.may_be(&identity("bc-production", None, Some(endpoint))), "{endpoint}");
        }
        assert!(!bucket.may_be(&identity("bc-staging", None, None)));
    }

    #[test]
    fn other_servers_are_compared_by_their_addresses() {
        let bucket = identity("media", None, Some("http://127.0.0.1:9000"));
        for same in ["http://localhost:9000", "http://[::1]:9000", "http://127.0.0.2:9000/"] {
            assert!(bucket.may_be(&identity("media", None, Some(same))), "{same}");
        }
        assert!(!bucket.may_be(&identity("media", None, Some("http://127.0.0.1:9001"))));
        assert!(!bucket.may_be(&identity("other", None, Some("http://127.0.0.1:9000"))));
        let named = identity("media", None, Some("https://store.invalid"));
        assert!(named.may_be(&identity("media", None, Some("https://media.STORE.invalid:443"))));
        assert!(!named.may_be(&bucket));
    }

    #[test]
    fn the_same_keys_and_name_may_be_the_same_bucket() {
        let mut proxied = settings("media", None, Some("http://127.0.0.1:9001"));
        let direct = settings("media", None, Some("https://store.invalid"));
        proxied.credentials.access_key.clone_from(&direct.credentials.access_key);
        let of = |one: &BucketSettings| {
            BucketIdentity::of(&BucketAddress::new(one).unwrap(), &one.credentials)
        };
        assert!(of(&proxied).may_be(&of(&direct)));
    }

    #[test]
    fn requests_go_to_the_endpoint() {
        let base = |bucket, region, endpoint| {
            BucketAddress::new(&settings(bucket, region, endpoint)).unwrap().url()
        };
        assert_eq!(base("bc", Some("eu-west-2"), None), "https://bc.s3.eu-west-2.amazonaws.com");
        assert_eq!(base("b.c", None, None), "https://s3.us-east-1.amazonaws.com/b.c");
        assert_eq!(base("bc", None, Some("http://127.0.0.1:1/")), "http://127.0.0.1:1/bc");
        let path = Some("http://127.0.0.1:1/store/v1/s~3/");
        assert_eq!(base("bc", None, path), "http://127.0.0.1:1/store/v1/s~3/bc");
    }

    #[test]
    fn bad_addresses_are_refused() {
        for (bucket, endpoint) in [
            ("", None),
            ("a/b", None),
            ("bc", Some("http://store.example")),
            ("bc", Some("store")),
            ("bc", Some("https://user:pass@store.example")),
            ("bc", Some("https://store.example/path?x=1")),
            ("bc", Some("https://store.example/a//b")),
        ] {
            let error = BucketAddress::new(&settings(bucket, None, endpoint)).unwrap_err();
            assert!(!error.to_string().contains("pass@"), "{error}");
        }
    }
}
