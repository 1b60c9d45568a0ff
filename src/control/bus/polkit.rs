// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether polkit lets a caller do something. A device without polkit has the bus's policy alone.

use std::collections::HashMap;

use zbus::message::Header;
use zbus::zvariant::Variant;
use zbus::{Connection, fdo};

const NAME: &str = "org.freedesktop.PolicyKit1";

/// Ask whoever sits before the device, if the rules say so.
const INTERACTIVE: u32 = 1;

#[zbus::proxy(
    interface = "org.freedesktop.PolicyKit1.Authority",
    default_service = "org.freedesktop.PolicyKit1",
    default_path = "/org/freedesktop/PolicyKit1/Authority"
)]
trait Authority {
    fn check_authorization(
        &self,
        subject: &(&str, HashMap<&str, Variant<'_>>),
        action: &str,
        details: &HashMap<&str, &str>,
        flags: u32,
        cancellation: &str,
    ) -> zbus::Result<(bool, bool, HashMap<String, String>)>;
}

/// Whether the sender of `call` may do `action`.
///
/// # Errors
/// The bus or polkit does not answer.
pub(super) async fn allows(
    bus: &Connection,
    call: &Header<'_>,
    action: &str,
) -> zbus::Result<bool> {
    let names = fdo::DBusProxy::new(bus).await?;
    let started = names.name_has_owner(NAME.try_into()?).await?;
    let startable = || async {
        Ok::<_, zbus::Error>(
            names.list_activatable_names().await?.iter().any(|name| name.as_str() == NAME),
        )
    };
    if !started && !startable().await? {
        return Ok(true);
    }
    let sender = call.sender().map(ToString::to_string).unwrap_or_default();
    let subject = ("system-bus-name", HashMap::from([("name", Variant::from(sender.as_str()))]));
    let authority = AuthorityProxy::new(bus).await?;
    let flags = if call.primary().flags().contains(zbus::message::Flags::ALLOW_INTERACTIVE_AUTH) {
        INTERACTIVE
    } else {
        0
    };
    let (allowed, _, _) =
        authority.check_authorization(&subject, action, &HashMap::new(), flags, "").await?;
    Ok(allowed)
}
