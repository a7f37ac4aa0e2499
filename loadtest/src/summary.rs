//! Percentiles and medians, and the two ways this program speaks.

/// Sorted samples.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Sorts them.
    pub fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_unstable_by(f64::total_cmp);
        Self(values)
    }

    /// The value below which `percent` of a hundred lie; 0 without samples.
    pub fn percentile(&self, percent: f64) -> f64 {
        let last = self.0.len().saturating_sub(1) as f64;
        let index = (last * percent / 100.0).round();
        // In range: a rounded fraction of the last index.
        self.0.get(index as usize).copied().unwrap_or_default()
    }

    /// The middle one.
    pub fn median(&self) -> f64 {
        self.percentile(50.0)
    }

    /// The largest.
    pub fn max(&self) -> f64 {
        self.percentile(100.0)
    }

    /// At most `count` of them, evenly chosen, for a chart.
    pub fn thinned(&self, count: usize) -> Vec<f64> {
        let steps = count.saturating_sub(1).max(1) as f64;
        (0..count).map(|step| self.percentile(step as f64 * 100.0 / steps)).collect()
    }
}

/// Prints a line for the person who started this.
#[expect(clippy::print_stdout, reason = "a command-line program's result")]
pub fn say(line: &str) {
    println!("{line}");
}

/// Prints a line beside the result.
#[expect(clippy::print_stderr, reason = "a command-line program's complaint")]
pub fn complain(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_and_none_of_nothing_is_zero() {
        let samples = Samples::new((1..=100).rev().map(f64::from));
        assert!((samples.median() - 51.0).abs() < 1.0);
        assert_eq!(samples.percentile(99.0), 99.0);
        assert_eq!(samples.max(), 100.0);
        assert_eq!(Samples::default().median(), 0.0);
        assert_eq!(samples.thinned(3).len(), 3);
    }
}
