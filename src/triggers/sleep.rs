// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sleep, as logind announces it. A delay lock holds it up until the cameras are observed closed,
//! for at most logind's `InhibitDelayMaxSec` (5 s unless changed), which the teardown's bound fits
//! into. <https://systemd.io/INHIBITOR_LOCKS>

use std::convert::Infallible;
use std::os::fd::OwnedFd;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep_until};
use zbus::proxy::CacheProperties;
use zbus::{Connection, connection};

use crate::lifecycle::StopReason;
use crate::session::{Registry, Shut};

/// Who says that cameras are shut.
const NAME: &str = "sleep";
/// logind answers at once, or something is wrong with it.
const CALL_DEADLINE: Duration = Duration::from_secs(10);
/// Before logind is asked again; doubled each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Logind {
    fn inhibit(&self, what: &str, who: &str, why: &str, mode: &str) -> zbus::Result<zbus::OwnedFd>;

    /// Before the sleep with `true`, after it with `false`.
    #[zbus(signal)]
    fn prepare_for_sleep(&self, start: bool) -> zbus::Result<()>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn preparing_for_sleep(&self) -> zbus::Result<bool>;
}

/// Closes the cameras before each sleep. Returns only without a system bus.
pub(super) async fn follow(registry: Registry) {
    let Err(error) = ask(&registry).await;
    tracing::warn!(
        %error,
        "no system bus: a camera that is open when the device sleeps stays so"
    );
    registry.allow(NAME);
}

/// Listens to logind; where that fails, again when logind has been started anew, or after a pause: at the
/// boot of a busy device logind may wait for polkit longer than anybody waits for logind.
async fn ask(registry: &Registry) -> zbus::Result<Infallible> {
    let bus = connection::Builder::system().method_timeout(CALL_DEADLINE).build().await?;
    // A cache of properties that could not be filled once answers with that error for ever.
    let logind = LogindProxy::builder(&bus).cache_properties(CacheProperties::No).build().await?;
    let mut owners = logind.inner().receive_owner_changed().await?;
    let mut pause = FIRST_PAUSE;
    loop {
        let Err(error) = listen(&bus, &logind, registry, &mut pause).await;
        tracing::warn!(
            %error,
            "logind is not heard: a camera that is open when the device sleeps stays so"
        );
        registry.allow(NAME);
        let due = Instant::now() + pause;
        tokio::select! {
            Some(_) = owners.next() => pause = FIRST_PAUSE,
            // One that is not there is not asked again and again.
            () = sleep_until(due), if !is_absent(&error) => pause = LONGEST_PAUSE.min(2 * pause),
            () = bus.closed() => return Err(error),
        }
    }
}

fn is_absent(error: &zbus::Error) -> bool {
    const ABSENT: &str = "org.freedesktop.DBus.Error.ServiceUnknown";
    matches!(error, zbus::Error::MethodError(name, ..) if name.as_str() == ABSENT)
}

/// Returns when logind fails, or the bus is gone.
async fn listen(
    bus: &Connection,
    logind: &LogindProxy<'_>,
    registry: &Registry,
    pause: &mut Duration,
) -> zbus::Result<Infallible> {
    // In this order nothing is missed: what comes between the two is in the stream.
    let mut announced = logind.receive_prepare_for_sleep().await?;
    let mut owners = logind.inner().receive_owner_changed().await?;
    let mut lock = Some(delay(logind).await?);
    *pause = FIRST_PAUSE;
    tracing::info!("sleep waits until the cameras are closed");
    if logind.preparing_for_sleep().await? {
        shut(registry, &mut lock).await;
    }
    loop {
        tokio::select! {
            Some(sleep) = announced.next() => {
                if sleep.args()?.start {
                    shut(registry, &mut lock).await;
                } else {
                    // Taken before the first session may start again.
                    lock = Some(delay(logind).await?);
                    registry.allow(NAME);
                    tracing::info!("the device is awake");
                }
            }
            // A logind that was restarted knows nothing of the lock, nor of a sleep.
            Some(owner) = owners.next() => {
                lock = match owner {
                    Some(_) => Some(delay(logind).await?),
                    None => None,
                };
                registry.allow(NAME);
            }
            () = bus.closed() => return Err(zbus::Error::Failure("the system bus is gone".into())),
        }
    }
}

/// The device sleeps no sooner than this is dropped, up to logind's limit.
async fn delay(logind: &LogindProxy<'_>) -> zbus::Result<OwnedFd> {
    let why = "cameras are closed first";
    Ok(logind.inhibit("sleep", "shutterd", why, "delay").await?.into())
}

async fn shut(registry: &Registry, lock: &mut Option<OwnedFd>) {
    tracing::info!("the device is about to sleep");
    let what = "the device is about to sleep".to_owned();
    registry.shut(NAME, Shut { by: StopReason::Sleep, what, cameras: Vec::new() }).await;
    registry.released().await;
    *lock = None;
}
