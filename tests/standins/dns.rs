//! Runs a small DNS server on loopback: addresses, aliases, and every kind of failure.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

/// The answer for a name.
#[derive(Debug, Clone)]
pub enum Zone {
    Addresses(Vec<IpAddr>),
    /// Another name, with its own zone.
    Alias(String),
    /// The name exists, but has no address.
    Empty,
    ServerFailure,
    Refused,
    /// No answer at all.
    Silence,
    /// An answer that is not DNS.
    Garbage,
}

type Zones = Arc<Mutex<BTreeMap<String, Zone>>>;

/// A running server. It stops when it is dropped. Unknown names do not exist.
pub struct DnsStandIn {
    zones: Zones,
    server: tokio::task::JoinHandle<()>,
    pub address: SocketAddr,
}

impl DnsStandIn {
    pub async fn start() -> DnsStandIn {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port on loopback");
        let address = socket.local_addr().expect("an address");
        let zones = Zones::default();
        let server = tokio::spawn(serve(socket, Arc::clone(&zones)));
        DnsStandIn { zones, server, address }
    }

    pub fn set(&self, name: &str, zone: Zone) {
        self.zones.lock().expect("no panic").insert(name.to_owned(), zone);
    }

    /// The name leads to this machine.
    pub fn set_loopback(&self, name: &str) {
        self.set(name, Zone::Addresses(vec![IpAddr::from([127, 0, 0, 1])]));
    }
}

impl Drop for DnsStandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(socket: UdpSocket, zones: Zones) {
    let mut buffer = vec![0; 4096];
    while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
        let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
        let zones = zones.lock().expect("no panic").clone();
        if let Some(answer) = answer(&question, &zones) {
            // A client that went away needs no answer.
            let _ = socket.send_to(&answer, client).await;
        }
    }
}

fn answer(question: &Message, zones: &BTreeMap<String, Zone>) -> Option<Vec<u8>> {
    let query = question.queries.first()?;
    let mut reply = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    reply.metadata.recursion_desired = true;
    reply.metadata.recursion_available = true;
    reply.add_query(query.clone());
    let mut name = query.name().clone();
    loop {
        match zones.get(name.to_utf8().trim_end_matches('.')) {
            Some(Zone::Silence) => return None,
            Some(Zone::Garbage) => return Some(vec![0xff; 7]),
            None => reply.metadata.response_code = ResponseCode::NXDomain,
            Some(Zone::ServerFailure) => reply.metadata.response_code = ResponseCode::ServFail,
            Some(Zone::Refused) => reply.metadata.response_code = ResponseCode::Refused,
            Some(Zone::Empty) => {}
            Some(Zone::Addresses(addresses)) => {
                for address in addresses {
                    let data = match (address, query.query_type()) {
                        (IpAddr::V4(address), RecordType::A) => RData::A(A(*address)),
                        (IpAddr::V6(address), RecordType::AAAA) => RData::AAAA(AAAA(*address)),
                        _ => continue,
                    };
                    reply.add_answer(Record::from_rdata(name.clone(), 60, data));
                }
            }
            Some(Zone::Alias(target)) => {
                let target = Name::from_utf8(format!("{target}.")).expect("a name");
                let alias = RData::CNAME(CNAME(target.clone()));
                reply.add_answer(Record::from_rdata(name, 60, alias));
                name = target;
                continue;
            }
        }
        return reply.to_vec().ok();
    }
}
