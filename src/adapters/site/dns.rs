//! Looks up a name in DNS: its addresses and aliases.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as Failure, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use thiserror::Error;

use super::{SiteError, Timing};

/// The addresses and aliases of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DnsAnswer {
    /// IPv4 first.
    pub addresses: Vec<IpAddr>,
    /// The aliases in order.
    pub aliases: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DnsError {
    #[error("there is no such name (NXDOMAIN)")]
    NoSuchName,
    #[error("the name has no address")]
    NoAddress,
    #[error("the DNS server failed ({code})")]
    ServerFailed { code: String },
    #[error("no DNS server answered in time")]
    Timeout,
    #[error("cannot ask DNS: {reason}")]
    Unreachable { reason: String },
}

pub(super) fn resolver(
    server: Option<SocketAddr>,
    timing: &Timing,
) -> Result<TokioResolver, SiteError> {
    let failed = |error: NetError| SiteError::Resolver(error.to_string());
    let mut builder = match server {
        None => Resolver::builder_tokio().map_err(failed)?,
        Some(server) => {
            let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            connections.iter_mut().for_each(|connection| connection.port = server.port());
            let server = NameServerConfig::new(server.ip(), true, connections);
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            let mut options = ResolverOpts::default();
            options.use_hosts_file = ResolveHosts::Never;
            Resolver::builder_with_config(config, TokioRuntimeProvider::default())
                .with_options(options)
        }
    };
    builder.options_mut().timeout = timing.dns;
    builder.options_mut().attempts = timing.dns_tries;
    builder.build().map_err(failed)
}

/// Asks for both kinds of address at once. One kind is enough.
pub(super) async fn look_up(resolver: &TokioResolver, host: &str) -> Result<DnsAnswer, DnsError> {
    // The final dot excludes the system's search domains.
    let name = format!("{}.", host.trim_end_matches('.'));
    let (v4, v6) = tokio::join!(
        resolver.lookup(name.as_str(), RecordType::A),
        resolver.lookup(name.as_str(), RecordType::AAAA)
    );
    let mut answer = DnsAnswer::default();
    let mut errors = Vec::new();
    for looked_up in [v4, v6] {
        match looked_up {
            Ok(found) => add(&mut answer, &found),
            Err(error) => errors.push(describe(error)),
        }
    }
    match answer.addresses.is_empty() {
        false => Ok(answer),
        // A failure says more than the absence of one kind of address.
        true => Err(errors
            .iter()
            .find(|error| **error != DnsError::NoAddress)
            .cloned()
            .unwrap_or(DnsError::NoAddress)),
    }
}

fn add(answer: &mut DnsAnswer, found: &Lookup) {
    for record in found.answers() {
        match &record.data {
            RData::A(address) => answer.addresses.push(IpAddr::V4(address.0)),
            RData::AAAA(address) => answer.addresses.push(IpAddr::V6(address.0)),
            RData::CNAME(name) => {
                let alias = name.0.to_utf8().trim_end_matches('.').to_owned();
                if !answer.aliases.contains(&alias) {
                    answer.aliases.push(alias);
                }
            }
            _ => {}
        }
    }
}

fn describe(error: NetError) -> DnsError {
    match error {
        NetError::Dns(Failure::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => DnsError::NoSuchName,
            ResponseCode::NoError => DnsError::NoAddress,
            code => DnsError::ServerFailed { code: code.to_string() },
        },
        NetError::Dns(Failure::ResponseCode(code)) => {
            DnsError::ServerFailed { code: code.to_string() }
        }
        NetError::Timeout => DnsError::Timeout,
        other => DnsError::Unreachable { reason: other.to_string() },
    }
}
