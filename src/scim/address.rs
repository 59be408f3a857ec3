//! Which addresses a target may have: every resolved address is vetted, and the vetted one is dialled (no DNS rebinding).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Which kinds of address an app may dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressPolicy {
    /// The base URL names this machine: loopback and nothing else.
    pub loopback: bool,
    /// Private ranges are allowed too (`allow_private_network`).
    pub private: bool,
}

impl AddressPolicy {
    /// Whether `address` may be dialled.
    ///
    /// # Errors
    /// What kind of address it is and what to do, in words.
    pub fn check(self, address: IpAddr) -> Result<(), String> {
        let address = address.to_canonical();
        if self.loopback {
            return if address.is_loopback() {
                Ok(())
            } else {
                Err(format!("the base URL names this machine, but resolves to {address}"))
            };
        }
        match kind(address) {
            None => Ok(()),
            Some("private") if self.private => Ok(()),
            Some("private") => Err(format!(
                "{address} is a private address; set allow_private_network = true if the target is inside your network"
            )),
            Some(kind) => Err(format!("{address} is a {kind} address: no target is there")),
        }
    }
}

/// What is special about an address; `None` = public. Cloud metadata services live on link-local addresses (169.254.169.254) and
/// on fd00:ec2::254, which is private: it is refused even where private ranges are allowed.
fn kind(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => kind_v4(v4),
        IpAddr::V6(v6) => kind_v6(v6),
    }
}

fn kind_v4(address: Ipv4Addr) -> Option<&'static str> {
    let octets = address.octets();
    // RFC 6598 (shared), RFC 2544 (benchmarks) and RFC 6890 (protocol assignments) are no place for a target on the Internet.
    let shared = (octets[0] == 100 && octets[1] & 0xc0 == 64)
        || (octets[0] == 198 && octets[1] & 0xfe == 18)
        || (octets[0] == 192 && octets[1] == 0 && octets[2] == 0);
    // Alibaba's metadata service.
    let metadata = octets == [100, 100, 100, 200];
    if address.is_loopback() {
        Some("loopback")
    } else if address.is_link_local() || metadata {
        Some("link-local or metadata")
    } else if address.is_private() || shared {
        Some("private")
    } else if address.is_unspecified() || octets[0] == 0 || octets[0] >= 224 || address.is_documentation() {
        Some("reserved")
    } else {
        None
    }
}

fn kind_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    // Addresses that carry an IPv4 one inside: NAT64 (RFC 6052), 6to4 (RFC 3056), IPv4-compatible.
    let embedded = match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some((high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some((high, low)),
        _ => None,
    };
    if let Some((high, low)) = embedded {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        return kind_v4(Ipv4Addr::new(a, b, c, d));
    }
    if address.is_loopback() {
        Some("loopback")
    } else if segments[0] & 0xffc0 == 0xfe80 || segments == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] {
        Some("link-local or metadata")
    } else if segments[0] & 0xfe00 == 0xfc00 {
        Some("private")
    } else if address.is_unspecified() || address.is_multicast() || (segments[0] == 0x2001 && segments[1] == 0xdb8) {
        Some("reserved")
    } else {
        None
    }
}

/// A resolver that answers only with addresses the policy allows. One forbidden address refuses the name: an attacker must not be
/// able to choose which of several is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct VettingResolver(pub(super) AddressPolicy);

impl Resolve for VettingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let vetted = vet(policy, &host, addresses)?;
            Ok(Box::new(vetted.into_iter()) as Addrs)
        })
    }
}

fn vet(policy: AddressPolicy, host: &str, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, String> {
    for address in &addresses {
        policy.check(address.ip()).map_err(|why| format!("{host}: {why}"))?;
    }
    Ok(addresses)
}
