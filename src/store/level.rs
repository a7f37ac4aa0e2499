//! A person's level, 1 to 9 (requirements B24); 0 is a token that may do nothing.

use std::fmt;

/// How much a person may do; compare with [`crate::access::policy`], never with numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u8);

impl Level {
    /// No powers: what a token of level 0 carries. No stored person has it.
    pub const NONE: Self = Self(0);
    /// Agents: 1 to 4.
    pub const AGENT: Self = Self(1);
    /// Supervisors: 5 and 6.
    pub const SUPERVISOR: Self = Self(5);
    /// Managers: 7 and 8.
    pub const MANAGER: Self = Self(7);
    /// Administrators: 9.
    pub const ADMIN: Self = Self(9);

    /// A stored person's level; `None` outside 1–9.
    #[must_use]
    pub fn new(level: u8) -> Option<Self> {
        (1..=9).contains(&level).then_some(Self(level))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }

    /// The word for its tier.
    #[must_use]
    pub fn tier(self) -> &'static str {
        match self.0 {
            0 => "none",
            1..=4 => "agent",
            5 | 6 => "supervisor",
            7 | 8 => "manager",
            _ => "admin",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b24_levels_are_1_to_9() {
        assert!(Level::new(0).is_none() && Level::new(10).is_none());
        let tiers: Vec<_> = (1..=9).filter_map(Level::new).map(Level::tier).collect();
        assert_eq!(tiers[3..5], ["agent", "supervisor"]);
        assert_eq!(tiers[5..8], ["supervisor", "manager", "manager"]);
        assert_eq!(tiers[8], "admin");
    }
}
