// SPDX-License-Identifier: MIT OR Apache-2.0
//! ICE servers as `Link` headers (RFC 9725, 4.6).

use axum::http::HeaderValue;

/// `stun:host:port`, `turn:user:password@host:port` → `<turn:host:port>; rel="ice-server"; …`.
/// The parameters stand in the order that viewers expect which read the header with a pattern.
/// `None` for text that no header can carry; the configuration refuses it before.
pub(super) fn ice_server(server: &str) -> Option<HeaderValue> {
    let (scheme, rest) = server.split_once(':')?;
    let link = match rest.rsplit_once('@') {
        Some((credentials, host)) => {
            let (user, password) = credentials.split_once(':')?;
            format!(
                "<{scheme}:{host}>; rel=\"ice-server\"; username=\"{}\"; credential=\"{}\"; \
                 credential-type=\"password\"",
                quoted(user),
                quoted(password)
            )
        }
        None => format!("<{scheme}:{rest}>; rel=\"ice-server\""),
    };
    let mut link = HeaderValue::try_from(link).ok()?;
    link.set_sensitive(true);
    Some(link)
}

/// The inside of a quoted-string.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_written_as_the_rfc_has_it() {
        let link = |server| ice_server(server).unwrap();
        assert_eq!(link("stun:stun.lan:3478"), "<stun:stun.lan:3478>; rel=\"ice-server\"");
        assert_eq!(
            link("turn:me:p@s\"s@turn.lan:3478?transport=udp"),
            "<turn:turn.lan:3478?transport=udp>; rel=\"ice-server\"; username=\"me\"; \
             credential=\"p@s\\\"s\"; credential-type=\"password\""
        );
        assert!(ice_server("stun").is_none());
        assert!(ice_server("stun:a\nb").is_none());
    }
}
