//! Addresses for services under test. They lie below the range from which the kernel gives ports to connections and to
//! listeners without a wish, so that nobody takes one between the moment it is found free and the service's start.

use std::{
    array,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use uuid::Uuid;

const FIRST: u16 = 18_000;
const COUNT: u16 = 14_000;

/// So many different free addresses of this machine.
pub fn choose<const N: usize>() -> [SocketAddr; N] {
    let mut free = candidates().filter(|address| TcpListener::bind(address).is_ok());
    array::from_fn(|_| free.next().expect("there is a free port"))
}

/// All addresses of the range, from a random one on: another test may be choosing at this moment.
fn candidates() -> impl Iterator<Item = SocketAddr> {
    let [.., high, low] = Uuid::now_v7().into_bytes();
    let start = u16::from_be_bytes([high, low]) % COUNT;
    (start..COUNT).chain(0..start).map(|offset| SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + offset)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_addresses_are_free_and_differ() {
        let listeners = choose::<6>().map(|address| TcpListener::bind(address).unwrap());
        assert_eq!(listeners.len(), 6);
    }
}
