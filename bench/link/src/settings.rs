// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a direction is like, as text: `rate=500k delay=20ms loss=5% queue=200ms pace=2M`.

use std::time::Duration;

/// What a direction is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Bits per second, IP headers included; `None` without a limit.
    pub rate: Option<u64>,
    /// How long each packet is under way once it is sent.
    pub delay: Duration,
    /// The share of packets that is lost at random, 0 to 1.
    pub loss: f64,
    /// What may wait, in time at the present rate; what comes beyond is dropped.
    pub queue: Duration,
    /// Bits per second at which the sender lets its packets out, as one with a pacer would; what waits
    /// there is dropped by nobody. `None` for a sender that has no pacer.
    pub pace: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        let queue = Duration::from_millis(200);
        Self { rate: None, delay: Duration::ZERO, loss: 0.0, queue, pace: None }
    }
}

impl Settings {
    /// These, but for what `text` says.
    ///
    /// # Errors
    /// What is not understood.
    pub fn with(mut self, text: &str) -> Result<Self, String> {
        for setting in text.split_whitespace() {
            self.set(setting).ok_or_else(|| format!("`{setting}`: {GRAMMAR}"))?;
        }
        Ok(self)
    }

    fn set(&mut self, setting: &str) -> Option<()> {
        let (name, value) = setting.split_once('=')?;
        match name {
            "rate" => self.rate = limit(value)?,
            "pace" => self.pace = limit(value)?,
            "delay" => self.delay = time(value)?,
            "queue" => self.queue = time(value)?,
            "loss" => {
                let percent: f64 = value.strip_suffix('%')?.parse().ok()?;
                self.loss = Some(percent / 100.0).filter(|loss| (0.0..=1.0).contains(loss))?;
            }
            _ => return None,
        }
        Some(())
    }
}

const GRAMMAR: &str = "not one of rate=BITS[k|M], rate=none, delay=TIME, loss=PERCENT%, queue=TIME, pace=BITS[k|M], pace=none, TIME being Nms or Ns";

fn limit(text: &str) -> Option<Option<u64>> {
    if text == "none" {
        return Some(None);
    }
    bits(text).filter(|rate| *rate > 0).map(Some)
}

fn bits(text: &str) -> Option<u64> {
    let (number, unit) = match (text.strip_suffix('k'), text.strip_suffix('M')) {
        (Some(number), _) => (number, 1000),
        (_, Some(number)) => (number, 1_000_000),
        _ => (text, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

fn time(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(number) => Some(Duration::from_millis(number.parse().ok()?)),
        None => Some(Duration::from_secs(text.strip_suffix('s')?.parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_set_and_the_rest_stays() {
        let one = Settings::default().with("rate=500k delay=20ms loss=2.5%").unwrap();
        assert_eq!(
            one,
            Settings {
                rate: Some(500_000),
                delay: Duration::from_millis(20),
                loss: 0.025,
                queue: Duration::from_millis(200),
                pace: None
            }
        );
        assert_eq!(one.with("pace=2M").unwrap().pace, Some(2_000_000));
        assert_eq!(one.with("rate=4M queue=1s").unwrap().delay, one.delay);
        assert_eq!(one.with("rate=none").unwrap().rate, None);
        for wrong in
            ["rate=0", "pace=0", "rate", "rate=4G", "loss=5", "loss=101%", "delay=3", "colour=red"]
        {
            assert!(one.with(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
    }
}
