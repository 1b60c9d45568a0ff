// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a switch says, and what follows: shut for as long as its delay, the cameras are closed.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::{ShutWhen, Switch};
use crate::session::{Registry, Shut};

/// A switch, and where its devices say how it stands.
#[derive(Clone, Debug)]
pub(super) struct Door {
    pub(super) switch: Arc<Switch>,
    stands: Arc<watch::Sender<Stands>>,
}

/// How a switch stands on each of its devices. One that is gone stands as it was last seen: to
/// unplug a lens cover opens nothing.
#[derive(Clone, Debug, Default)]
struct Stands {
    shut: BTreeMap<String, bool>,
}

impl Stands {
    fn is_shut(&self) -> bool {
        self.shut.values().any(|shut| *shut)
    }
}

/// A door for each switch; `tasks` has what follows from them.
pub(super) fn doors(
    switches: &[Switch],
    registry: &Registry,
    tasks: &mut JoinSet<()>,
) -> Vec<Door> {
    let door = |switch: &Switch| {
        let (stands, seen) = watch::channel(Stands::default());
        let switch = Arc::new(switch.clone());
        tasks.spawn(obey(Arc::clone(&switch), seen, registry.clone()));
        Door { switch, stands: Arc::new(stands) }
    };
    switches.iter().map(door).collect()
}

impl Door {
    /// `device` says that the switch or key is on, or off: `first` when the device was just opened.
    pub(super) fn says(&self, device: &str, on: bool, first: bool) {
        let shut = match self.switch.shut {
            ShutWhen::On => on,
            ShutWhen::Off => !on,
            // A key that is held while the service starts was pressed before.
            ShutWhen::Toggle if first || !on => return,
            ShutWhen::Toggle => !self.stands.borrow().is_shut(),
        };
        // One keyboard's key turns over what another's has shut.
        let key = if self.switch.shut == ShutWhen::Toggle { "" } else { device };
        self.stands
            .send_if_modified(|stands| stands.shut.insert(key.to_owned(), shut) != Some(shut));
    }
}

/// Closes the cameras of `switch` while it is shut.
async fn obey(switch: Arc<Switch>, mut stands: watch::Receiver<Stands>, registry: Registry) {
    let name = format!("switch {}", switch.name);
    // The sender is gone when the service ends.
    while stands.wait_for(Stands::is_shut).await.is_ok() {
        if !switch.delay.is_zero() {
            let opened = stands.wait_for(|stands| !stands.is_shut());
            if timeout(switch.delay, opened).await.is_ok() {
                continue;
            }
        }
        let what = format!("{} (switch `{}`)", switch.means.state(), switch.name);
        tracing::info!("{what}: cameras are closed");
        let shut = Shut { by: switch.means.reason(), what, cameras: switch.cameras.clone() };
        registry.shut(&name, shut).await;
        if stands.wait_for(|stands| !stands.is_shut()).await.is_err() {
            return;
        }
        tracing::info!(switch = switch.name, "cameras may open again");
        registry.allow(&name);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{InputCode, Means};

    fn door(shut: ShutWhen) -> (Door, watch::Receiver<Stands>) {
        let switch = Switch {
            name: "test".to_owned(),
            means: Means::Privacy,
            device: None,
            event: InputCode::Switch(9),
            shut,
            delay: Duration::ZERO,
            cameras: Vec::new(),
        };
        let (stands, seen) = watch::channel(Stands::default());
        (Door { switch: Arc::new(switch), stands: Arc::new(stands) }, seen)
    }

    fn after(shut: ShutWhen, said: &[(&str, bool, bool)]) -> bool {
        let (door, seen) = door(shut);
        for (device, on, first) in said {
            door.says(device, *on, *first);
        }
        let stands = seen.borrow();
        stands.is_shut()
    }

    #[test]
    fn a_switch_is_shut_as_long_as_any_of_its_devices_says_so() {
        assert!(!after(ShutWhen::On, &[]));
        assert!(after(ShutWhen::On, &[("a", true, true)]));
        assert!(after(ShutWhen::On, &[("a", true, true), ("b", false, true)]));
        assert!(!after(ShutWhen::On, &[("a", true, true), ("a", false, false)]));
        assert!(after(ShutWhen::Off, &[("a", false, true)]));
        assert!(!after(ShutWhen::Off, &[("a", false, true), ("a", true, false)]));
    }

    #[test]
    fn a_key_turns_over_with_each_press_on_whatever_keyboard() {
        let (press, release) = (("a", true, false), ("a", false, false));
        assert!(!after(ShutWhen::Toggle, &[("a", true, true), release]), "held at the start");
        assert!(after(ShutWhen::Toggle, &[press, release]));
        assert!(!after(ShutWhen::Toggle, &[press, release, press, release]));
        assert!(!after(ShutWhen::Toggle, &[press, release, ("b", true, false)]));
    }
}
