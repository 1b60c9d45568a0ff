// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the service has of systemd and logind: its watchdog, and a sleep that waits.

use std::time::Duration;

use zbus::{Connection, OwnedObjectPath, Proxy, connection};

use super::finding::Finding;

const CALL_DEADLINE: Duration = Duration::from_secs(10);
const UNIT: &str = "shutterd.service";

/// Asks over the system bus.
pub(super) async fn look() -> Vec<Finding> {
    match connection::Builder::system().method_timeout(CALL_DEADLINE).build().await {
        Ok(bus) => vec![unit(&bus).await, sleep(&bus).await],
        Err(error) => {
            vec![Finding::note("system bus", error.to_string()).remedy(
                "without it no sleep waits for the cameras, and no indicator is told of them",
            )]
        }
    }
}

async fn unit(bus: &Connection) -> Finding {
    match asked(bus).await {
        Ok((load, _, _)) if load != "loaded" => {
            Finding::note("unit", format!("{UNIT}: {load}")).remedy("`make install` has one")
        }
        Ok((_, active, 0)) => {
            Finding::note("unit", format!("{UNIT}: {active}, without a watchdog"))
                .remedy("WatchdogSec= in the unit: a service that hangs is started anew")
        }
        Ok((_, active, watchdog)) => {
            let watchdog = humantime::format_duration(Duration::from_micros(watchdog));
            Finding::ok("unit", format!("{UNIT}: {active}, watchdog {watchdog}"))
        }
        Err(error) => Finding::note("unit", format!("systemd cannot be asked: {error}")),
    }
}

/// How the unit was loaded, how it stands, and its watchdog in microseconds.
async fn asked(bus: &Connection) -> zbus::Result<(String, String, u64)> {
    const SYSTEMD: &str = "org.freedesktop.systemd1";
    let manager =
        Proxy::new(bus, SYSTEMD, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
            .await?;
    let path: OwnedObjectPath = manager.call("LoadUnit", &(UNIT,)).await?;
    let unit = Proxy::new(bus, SYSTEMD, path.clone(), "org.freedesktop.systemd1.Unit").await?;
    let service = Proxy::new(bus, SYSTEMD, path, "org.freedesktop.systemd1.Service").await?;
    Ok((
        unit.get_property("LoadState").await?,
        unit.get_property("ActiveState").await?,
        service.get_property("WatchdogUSec").await?,
    ))
}

async fn sleep(bus: &Connection) -> Finding {
    let limit = async {
        let path = "/org/freedesktop/login1";
        let logind =
            Proxy::new(bus, "org.freedesktop.login1", path, "org.freedesktop.login1.Manager")
                .await?;
        logind.get_property::<u64>("InhibitDelayMaxUSec").await
    };
    match limit.await {
        Ok(limit) => {
            let limit = humantime::format_duration(Duration::from_micros(limit));
            Finding::ok("sleep", format!("logind lets it wait for the cameras, up to {limit}"))
        }
        Err(error) => Finding::note("sleep", format!("logind cannot be asked: {error}"))
            .remedy("a camera that is open when the device sleeps stays so"),
    }
}
