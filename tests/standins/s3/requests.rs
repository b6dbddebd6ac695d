//! Reads a request before `s3s` does: its operation, its object, and its keys.

use hyper::{HeaderMap, Method, Uri};

/// One request as it came, faulty ones included.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub operation: &'static str,
    pub bucket: String,
    /// Decoded. Empty for requests on the bucket itself.
    pub key: String,
    pub query: String,
    /// Of the credentials that signed it.
    pub access_key: String,
    /// Bucket and key, decoded.
    pub copy_source: Option<(String, String)>,
    pub acl: Option<String>,
    /// For which region it was signed.
    pub region: String,
    /// And for which service.
    pub service: String,
    /// The session token of temporary keys, if it is signed.
    pub session_token: Option<String>,
}

impl Recorded {
    pub fn new(method: &Method, uri: &Uri, headers: &HeaderMap) -> Recorded {
        let path = decode(uri.path().trim_start_matches('/'));
        let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
        let query = uri.query().unwrap_or_default().to_owned();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let copy_source = text("x-amz-copy-source").map(|source| {
            let source = decode(source.trim_start_matches('/'));
            let (bucket, key) = source.split_once('/').unwrap_or((&source, ""));
            (bucket.to_owned(), key.to_owned())
        });
        let authorization = text("authorization").unwrap_or_default();
        let access_key = authorization
            .split_once("Credential=")
            .and_then(|(_, rest)| rest.split('/').next())
            .unwrap_or_default();
        Recorded {
            operation: operation(method, key, &query, copy_source.is_some()),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            query,
            access_key: access_key.to_owned(),
            copy_source,
            acl: text("x-amz-acl").map(str::to_owned),
            region: authorization
                .split_once("Credential=")
                .and_then(|(_, rest)| rest.split('/').nth(2))
                .unwrap_or_default()
                .to_owned(),
            service: authorization
                .split_once("Credential=")
                .and_then(|(_, rest)| rest.split('/').nth(3))
                .unwrap_or_default()
                .to_owned(),
            session_token: text("x-amz-security-token")
                .filter(|_| authorization.contains(";x-amz-security-token"))
                .map(str::to_owned),
        }
    }

    /// Whether it changes something.
    pub fn writes(&self) -> bool {
        !matches!(
            self.operation,
            "GetObject"
                | "HeadObject"
                | "ListObjectsV2"
                | "HeadBucket"
                | "ListBuckets"
                | "Other"
                | "ListMultipartUploads"
        )
    }

    /// The text that a rule's key is compared with.
    pub fn place(&self) -> String {
        let prefix = self.query.split('&').find_map(|pair| pair.strip_prefix("prefix="));
        format!("{}/{}", self.bucket, prefix.map_or_else(|| self.key.clone(), decode))
    }
}

fn operation(method: &Method, key: &str, query: &str, copies: bool) -> &'static str {
    let has = |name: &str| {
        query.split('&').any(|pair| pair.split('=').next().is_some_and(|first| first == name))
    };
    match (method.as_str(), key.is_empty()) {
        ("GET", true) if has("list-type") => "ListObjectsV2",
        ("GET", true) if has("uploads") => "ListMultipartUploads",
        ("HEAD", true) => "HeadBucket",
        ("PUT", true) => "CreateBucket",
        ("POST", true) if has("delete") => "DeleteObjects",
        ("GET", false) => "GetObject",
        ("HEAD", false) => "HeadObject",
        ("PUT", false) if has("uploadId") && copies => "UploadPartCopy",
        ("PUT", false) if has("uploadId") => "UploadPart",
        ("PUT", false) if copies => "CopyObject",
        ("PUT", false) => "PutObject",
        ("POST", false) if has("uploads") => "CreateMultipartUpload",
        ("POST", false) => "CompleteMultipartUpload",
        ("DELETE", false) if has("uploadId") => "AbortMultipartUpload",
        ("DELETE", false) => "DeleteObject",
        _ => "Other",
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = if first == b'%' { after.get(..2) } else { None };
        let value = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match value {
            Some(value) => {
                bytes.push(value);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
