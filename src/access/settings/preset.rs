//! Presets: named bundles of settings, one for each way of working (requirements D).

/// A bundle. What it does not name has the setting's own default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Preset {
    /// A team with roles and phone numbers of its own (requirements A).
    Workspace,
    /// A call centre with levels (requirements B); what a new installation has.
    #[default]
    Callcenter,
    /// Reports for clients (requirements C).
    Analytics,
    /// No bundle: every setting's own default, the strictest.
    Defaults,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Workspace, Self::Callcenter, Self::Analytics, Self::Defaults];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Callcenter => "callcenter",
            Self::Analytics => "analytics",
            Self::Defaults => "defaults",
        }
    }

    /// The preset of a name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.as_str() == word)
    }
}
