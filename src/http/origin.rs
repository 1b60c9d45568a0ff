// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who may ask: the camera must not be drivable by any web page that happens to be open.
//!
//! A browser names the page's origin in every request that could do harm. Our own page and the
//! configured origins may ask, others may not. A page whose name was made to point at the loopback
//! address (DNS rebinding) is "same origin" to its browser, but its name stands in `Host`: a service
//! that listens on loopback answers to loopback names only.

use std::net::IpAddr;

/// How a request's origin stands to this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Our own page, or no page at all.
    Same,
    /// Another page, which may ask.
    Allowed,
    /// Another page, which may not.
    Foreign,
}

/// The configured answer.
#[derive(Clone, Debug)]
pub struct OriginPolicy {
    allowed: Vec<String>,
    any: bool,
    loopback: bool,
}

impl OriginPolicy {
    /// `allowed`: origins as `scheme://host[:port]`, matched exactly but for case; `*` allows
    /// every page. `loopback`: whether the service listens on a loopback address.
    pub fn new(allowed: &[String], loopback: bool) -> Self {
        let allowed: Vec<String> =
            allowed.iter().map(|origin| origin.to_ascii_lowercase()).collect();
        Self { any: allowed.iter().any(|origin| origin == "*"), allowed, loopback }
    }

    /// Whether every page is allowed.
    pub fn allows_any(&self) -> bool {
        self.any
    }

    /// Whether a request that names `host` (`Host` header, port included) is meant for us.
    pub fn knows_host(&self, host: Option<&str>) -> bool {
        if !self.loopback || self.any {
            return true;
        }
        let Some(host) = host else { return false };
        is_loopback(host)
            || self.allowed.iter().any(|origin| authority(origin).eq_ignore_ascii_case(host))
    }

    /// How `origin` (the `Origin` header) stands to a service that was called `host`.
    pub fn standing(&self, origin: &str, host: Option<&str>) -> Standing {
        // `null` is the origin of sandboxed frames and files: nobody's, so never ours.
        let same = host.is_some_and(|host| authority(origin).eq_ignore_ascii_case(host));
        if same && origin.contains("://") {
            Standing::Same
        } else if self.any || self.allowed.contains(&origin.to_ascii_lowercase()) {
            Standing::Allowed
        } else {
            Standing::Foreign
        }
    }
}

/// `host[:port]` of an origin.
fn authority(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |(_, authority)| authority)
}

/// Whether `host[:port]` is a name or address of the loopback interface.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if port.is_empty() || port.starts_with(':') => address,
            _ => return false,
        },
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy(allowed: &[&str]) -> OriginPolicy {
        OriginPolicy::new(&allowed.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>(), true)
    }

    #[test]
    fn a_loopback_service_answers_to_loopback_names_only() {
        let policy = policy(&["https://rig.example"]);
        for host in [
            "localhost",
            "localhost:8787",
            "LOCALHOST:1",
            "a.localhost:8787",
            "localhost.:8787",
            "127.0.0.1",
            "127.0.0.1:8787",
            "127.9.9.9",
            "[::1]",
            "[::1]:8787",
            "rig.example",
        ] {
            assert!(policy.knows_host(Some(host)), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8787",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "[::1].evil.example",
            "[::1",
            "192.168.0.7:8787",
            "0.0.0.0",
            "rig.example:81",
        ] {
            assert!(!policy.knows_host(Some(host)), "{host}");
        }
        assert!(!policy.knows_host(None));
        assert!(OriginPolicy::new(&[], false).knows_host(Some("headset.lan")));
        assert!(self::policy(&["*"]).knows_host(Some("evil.example")));
    }

    #[test]
    fn only_our_page_and_the_configured_ones_may_ask() {
        let policy = policy(&["https://rig.example"]);
        let standing = |origin, host| policy.standing(origin, Some(host));
        assert_eq!(standing("http://localhost:8787", "localhost:8787"), Standing::Same);
        assert_eq!(standing("https://headset.lan", "headset.lan"), Standing::Same);
        assert_eq!(standing("https://rig.example", "localhost:8787"), Standing::Allowed);
        for foreign in [
            "null",
            "",
            "http://localhost:3000",
            "http://rig.example",
            "https://rig.example:444",
            "https://rig.example.evil",
            "https://sub.rig.example",
            "localhost:8787",
        ] {
            assert_eq!(standing(foreign, "localhost:8787"), Standing::Foreign, "{foreign}");
        }
        assert_eq!(policy.standing("null", Some("null")), Standing::Foreign);
        assert_eq!(self::policy(&["*"]).standing("null", None), Standing::Allowed);
    }

    proptest! {
        #[test]
        fn no_text_in_the_headers_can_break_it(origin in ".{0,64}", host in ".{0,64}") {
            let policy = policy(&[]);
            let _ = policy.knows_host(Some(&host));
            if policy.standing(&origin, Some(&host)) == Standing::Same {
                prop_assert!(origin.to_ascii_lowercase().ends_with(&host.to_ascii_lowercase()));
            }
        }
    }
}
