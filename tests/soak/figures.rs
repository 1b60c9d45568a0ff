// SPDX-License-Identifier: MIT OR Apache-2.0
//! Figures of many cycles: percentiles, and whether something grows.

/// Of sorted values.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// A straight line's slope by least squares, with its standard error. Memory of one cycle is much
/// like that of the cycle before, so the error is that of the number of *independent* samples:
/// n (1 − r) / (1 + r), with r the correlation of neighbouring residuals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slope {
    slope: f64,
    error: f64,
}

impl Slope {
    pub(crate) fn of(points: &[(f64, f64)]) -> Self {
        let n = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
        let (x, y) = (mean(|p| p.0), mean(|p| p.1));
        let spread: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
        let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / spread;
        let rest: Vec<f64> = points.iter().map(|p| p.1 - y - slope * (p.0 - x)).collect();
        let square: f64 = rest.iter().map(|r| r * r).sum();
        if square == 0.0 {
            return Self { slope, error: 0.0 };
        }
        let r = rest.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / square;
        let independent = (n * (1.0 - r) / (1.0 + r)).clamp(3.0, n);
        Self { slope, error: (square / spread / (independent - 2.0)).sqrt() }
    }

    /// Beyond chance: one run in a thousand would say so of something that grows by `bound`.
    pub(crate) fn is_surely_above(&self, bound: f64) -> bool {
        self.slope - 3.1 * self.error > bound
    }
}

impl std::fmt::Display for Slope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:+.4} ± {:.4}", self.slope, 2.0 * self.error)
    }
}

/// Splitmix64, as numbers between 0 and 1.
fn noise(seed: u64) -> impl Iterator<Item = f64> {
    (0..).map(move |n: u64| {
        let mut z = (seed << 32 | n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    })
}

#[test]
fn what_grows_is_told_from_what_does_not() {
    // A sawtooth, as an allocator's: each value much like the one before.
    let saw = |n: u32| f64::from(n % 40) + f64::from(n * 7 % 5);
    let flat: Vec<_> = (0..1000).map(|n| (f64::from(n), 5000.0 + saw(n))).collect();
    let grows: Vec<_> = flat.iter().map(|&(x, y)| (x, y + 0.2 * x)).collect();
    assert!(!Slope::of(&flat).is_surely_above(0.0), "{}", Slope::of(&flat));
    assert!(Slope::of(&grows).is_surely_above(0.1), "{}", Slope::of(&grows));
    assert!(!Slope::of(&grows).is_surely_above(0.3), "{}", Slope::of(&grows));
    assert_eq!(percentile(&[1.0, 2.0, 3.0], 0.5), 2.0);
}

/// The error that is said is the scatter of the slopes of many runs in which nothing grows.
#[test]
fn the_error_is_what_chance_does() {
    for memory in [0.0, 0.9] {
        let runs: Vec<Slope> = (0..200)
            .map(|seed| {
                let mut y = 0.0;
                let points = noise(seed).take(1000).enumerate().map(|(n, noise)| {
                    y = memory * y + noise - 0.5;
                    (n as f64, y)
                });
                Slope::of(&points.collect::<Vec<_>>())
            })
            .collect();
        let scatter = (runs.iter().map(|run| run.slope.powi(2)).sum::<f64>() / 200.0).sqrt();
        let said = runs.iter().map(|run| run.error).sum::<f64>() / 200.0;
        assert!((0.7..1.4).contains(&(said / scatter)), "{memory}: {said} against {scatter}");
    }
}
