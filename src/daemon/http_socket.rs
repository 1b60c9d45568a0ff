// SPDX-License-Identifier: MIT OR Apache-2.0
//! The socket on which HTTP comes in: systemd's, or our own.

use std::io;
use std::net::SocketAddr;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use tokio::net::TcpListener;

/// Connections that wait to be accepted, at most.
const BACKLOG: i32 = 128;

/// The socket that systemd listens on, or our own at `address`. The address need not be there yet: a
/// headset's network comes later than its services, or again. Must be called within a tokio runtime.
///
/// # Errors
/// Something else has the address, or the system refuses.
pub(super) fn open(
    given: Option<std::net::TcpListener>,
    address: SocketAddr,
) -> io::Result<TcpListener> {
    let listener = match given {
        Some(given) => {
            let there = given.local_addr()?;
            if there != address {
                tracing::warn!(%there, configured = %address, "systemd listens elsewhere, and that counts");
            }
            given
        }
        None => bound(address)?,
    };
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn bound(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // The last run's connections may still be in TIME_WAIT.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    match address {
        SocketAddr::V4(_) => sockopt::set_ip_freebind(&socket, true)?,
        SocketAddr::V6(_) => sockopt::set_ipv6_freebind(&socket, true)?,
    }
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_not_there_yet_is_listened_on() {
        // Of the networks for documentation, which no system has.
        for address in ["192.0.2.1:0", "[2001:db8::1]:0"] {
            let address: SocketAddr = address.parse().unwrap();
            let listener = open(None, address).unwrap();
            assert_eq!(listener.local_addr().unwrap().ip(), address.ip());
        }
    }

    #[tokio::test]
    async fn an_address_that_something_else_has_is_not() {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = open(None, other.local_addr().unwrap()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    }
}
