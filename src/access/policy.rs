//! Who may do what: the one place that compares levels.

use super::principal::Level;

/// Something a person may or may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Connect and register a phone, place and take calls.
    UsePhone,
    /// See and change one's own account and sessions.
    OwnAccount,
    /// Listen to, whisper into and barge into others' calls.
    Supervise,
    /// Change campaigns, lists and numbers.
    Manage,
    /// Change people, PBXs and settings.
    Administer,
}

/// Whether a person of this level may.
#[must_use]
pub fn allows(level: Level, action: Action) -> bool {
    level >= lowest(action)
}

fn lowest(action: Action) -> Level {
    match action {
        Action::UsePhone | Action::OwnAccount => Level::AGENT,
        Action::Supervise => Level::SUPERVISOR,
        Action::Manage => Level::MANAGER,
        Action::Administer => Level::ADMIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b25_b28_each_level_may_do_what_the_table_says_and_no_more() {
        let actions = [
            Action::UsePhone,
            Action::OwnAccount,
            Action::Supervise,
            Action::Manage,
            Action::Administer,
        ];
        for level in 0..=9 {
            let rights: Vec<_> = actions
                .into_iter()
                .filter(|action| allows(Level::new(level).unwrap_or(Level::NONE), *action))
                .collect();
            let expected = match level {
                0 => 0,
                1..=4 => 2,
                5 | 6 => 3,
                7 | 8 => 4,
                _ => 5,
            };
            assert_eq!(rights, actions[..expected], "level {level}");
        }
    }
}
