//! Work that is done again and again and fails for a while: said when it begins and when it ends.

use std::error::Error;

/// Whether it fails now.
#[derive(Debug)]
pub struct Outage {
    what: &'static str,
    is_on: bool,
}

impl Outage {
    /// Of this work, in words that follow "cannot".
    #[must_use]
    pub const fn of(what: &'static str) -> Self {
        Self { what, is_on: false }
    }

    /// How it went this time. Logs the first failure with its cause, and that it is over.
    pub fn note(&mut self, failure: Option<&dyn Error>) {
        let was_on = std::mem::replace(&mut self.is_on, failure.is_some());
        match failure {
            Some(error) if !was_on => {
                let mut cause = error;
                while let Some(deeper) = cause.source() {
                    cause = deeper;
                }
                tracing::error!(%error, %cause, "cannot {}", self.what);
            }
            None if was_on => tracing::info!("can {} again", self.what),
            Some(_) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_on_from_the_first_failure_to_the_next_success() {
        let mut outage = Outage::of("count");
        let failure = std::io::Error::other("full");
        let is_on = [Some(&failure), Some(&failure), None, None].map(|failure| {
            outage.note(failure.map(|error| error as &dyn Error));
            outage.is_on
        });
        assert_eq!(is_on, [true, true, false, false]);
    }
}
