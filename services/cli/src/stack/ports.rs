//! Which addresses the local stack listens on: the usual ones, or free ones beside them when somebody else has
//! those. An address a person asked for by name is never exchanged for another. Knows nothing of processes.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
};

/// Where a browser and `curl` find Escriba unless told otherwise.
pub(crate) const USUAL_HTTP: SocketAddr = local(8080);

/// One address a service; all but `http` are for this machine only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) http: SocketAddr,
    pub(crate) nats: SocketAddr,
    pub(crate) reports: SocketAddr,
    pub(crate) export: SocketAddr,
    pub(crate) gateway_internal: SocketAddr,
    pub(crate) export_internal: SocketAddr,
    pub(crate) transcriber_internal: SocketAddr,
}

const USUAL: Addresses = Addresses {
    http: USUAL_HTTP,
    nats: local(4222),
    reports: local(50051),
    export: local(50052),
    gateway_internal: local(9101),
    export_internal: local(9102),
    transcriber_internal: local(9103),
};

/// The address a person named cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("Cannot listen on {address}: {}. Stop what uses it, or name another address with --http-addr.", reason(cause))]
pub(crate) struct AddressTaken {
    address: SocketAddr,
    cause: io::Error,
}

/// Chooses all addresses; `http` is the one asked for, if any. The second part says in words what had to move.
pub(crate) fn choose(http: Option<SocketAddr>) -> Result<(Addresses, Vec<String>), AddressTaken> {
    choose_near(&USUAL, http)
}

impl Addresses {
    /// Where a client on this machine reaches the API.
    pub(crate) fn http_url(&self) -> String {
        format!("http://{}", reachable(self.http))
    }

    pub(crate) fn nats_url(&self) -> String {
        format!("nats://{}", self.nats)
    }
}

fn choose_near(usual: &Addresses, http: Option<SocketAddr>) -> Result<(Addresses, Vec<String>), AddressTaken> {
    let mut reserved = Reserved::default();
    let chosen = Addresses {
        http: match http {
            Some(address) => reserved.exactly(address)?,
            None => reserved.near("The API", usual.http)?,
        },
        nats: reserved.near("nats-server", usual.nats)?,
        reports: reserved.near("The gateway's gRPC port", usual.reports)?,
        export: reserved.near("The export service", usual.export)?,
        gateway_internal: reserved.near("The gateway's internal port", usual.gateway_internal)?,
        export_internal: reserved.near("The export service's internal port", usual.export_internal)?,
        transcriber_internal: reserved.near("The transcriber's internal port", usual.transcriber_internal)?,
    };
    Ok((chosen, reserved.moves))
}

/// Addresses chosen so far, held open so that a free one is not handed out twice.
#[derive(Default)]
struct Reserved {
    listeners: Vec<TcpListener>,
    moves: Vec<String>,
}

impl Reserved {
    fn exactly(&mut self, address: SocketAddr) -> Result<SocketAddr, AddressTaken> {
        let listener = TcpListener::bind(address).map_err(|cause| AddressTaken { address, cause })?;
        // Port 0 asks for any free one.
        let address = listener.local_addr().map_err(|cause| AddressTaken { address, cause })?;
        self.listeners.push(listener);
        Ok(address)
    }

    fn near(&mut self, whose: &str, usual: SocketAddr) -> Result<SocketAddr, AddressTaken> {
        if let Ok(address) = self.exactly(usual) {
            return Ok(address);
        }
        let address = self.exactly(SocketAddr::new(usual.ip(), 0))?;
        self.moves.push(format!("{whose} listens on {address}, because {usual} is taken."));
        Ok(address)
    }
}

/// An address that stands for all interfaces is no destination.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    address
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        io::ErrorKind::PermissionDenied => "ports below 1024 need privileges".to_owned(),
        _ => error.to_string(),
    }
}

const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn any_ports() -> Addresses {
        let any = local(0);
        Addresses {
            http: any,
            nats: any,
            reports: any,
            export: any,
            gateway_internal: any,
            export_internal: any,
            transcriber_internal: any,
        }
    }

    #[test]
    fn a_taken_usual_port_moves_and_is_told() {
        let somebody = TcpListener::bind(local(0)).unwrap();
        let taken = somebody.local_addr().unwrap();
        let (chosen, moves) = choose_near(&Addresses { nats: taken, ..any_ports() }, None).unwrap();
        assert_ne!(chosen.nats, taken);
        assert_eq!(moves, [format!("nats-server listens on {}, because {taken} is taken.", chosen.nats)]);
    }

    #[test]
    fn a_taken_port_that_was_asked_for_is_refused() {
        let somebody = TcpListener::bind(local(0)).unwrap();
        let taken = somebody.local_addr().unwrap();
        let refusal = choose_near(&any_ports(), Some(taken)).unwrap_err().to_string();
        assert!(refusal.starts_with(&format!("Cannot listen on {taken}: another program listens there.")), "{refusal}");
    }

    #[test]
    fn no_two_services_get_the_same_port() {
        let (chosen, _) = choose_near(&any_ports(), None).unwrap();
        let ports = [
            chosen.http,
            chosen.nats,
            chosen.reports,
            chosen.export,
            chosen.gateway_internal,
            chosen.export_internal,
            chosen.transcriber_internal,
        ];
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), ports.len());
    }

    #[test]
    fn the_url_names_an_address_that_can_be_reached() {
        let everywhere = Addresses { http: "0.0.0.0:8080".parse().unwrap(), ..any_ports() };
        assert_eq!(everywhere.http_url(), "http://127.0.0.1:8080");
    }
}
