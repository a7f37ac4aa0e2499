//! The table of settings.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Kind, Preset};
use crate::access::password_policy::{CHARACTERS_MAX, CHARACTERS_MIN, REUSE_LAST_MAX};

/// For whom a setting counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The workspace that sets it.
    Workspace,
    /// The whole server: only the home workspace's value counts, and only it can be set.
    Installation,
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident = $key:literal, $reach:ident, $kind:expr, $default:expr,
       {$($preset:ident: $value:expr),*}, $words:literal;)*) => {
        /// A setting.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Setting {
            $(#[doc = $words] $name,)*
        }

        impl Setting {
            /// Every setting, in the order of the page.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its stable name.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self {
                    $(Self::$name => $key,)*
                }
            }

            /// What values it may have.
            #[must_use]
            pub fn kind(self) -> Kind {
                match self {
                    $(Self::$name => $kind,)*
                }
            }

            /// For whom it counts.
            #[must_use]
            pub fn reach(self) -> Reach {
                match self {
                    $(Self::$name => Reach::$reach,)*
                }
            }

            /// What it is for.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)*
                }
            }

            /// Its value where nothing says otherwise.
            #[must_use]
            pub fn default_value(self) -> Value {
                match self {
                    $(Self::$name => json!($default),)*
                }
            }

            /// Its value in a preset; `None` when the preset does not name it.
            #[must_use]
            pub fn preset_value(self, preset: Preset) -> Option<Value> {
                match self {
                    $(Self::$name => {
                        $(if preset == Preset::$preset {
                            return Some(json!($value));
                        })*
                        None
                    })*
                }
            }
        }
    };
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const fn duration(min: u64, max: u64) -> Kind {
    let (min, max) = (Duration::from_secs(min), Duration::from_secs(max));
    Kind::Duration { min, max, may_be_off: false }
}

const fn duration_or_off(min: u64, max: u64) -> Kind {
    let (min, max) = (Duration::from_secs(min), Duration::from_secs(max));
    Kind::Duration { min, max, may_be_off: true }
}

const fn number(min: u64, max: u64) -> Kind {
    Kind::Number { min, max }
}

settings! {
    SessionIdleTimeout = "session.idle_timeout", Workspace,
        duration(MINUTE, 30 * DAY), 8 * HOUR,
        {Workspace: 7 * DAY, Callcenter: 8 * HOUR},
        "How long a session may be unused before it ends";
    SessionAbsoluteMax = "session.absolute_max", Workspace,
        duration_or_off(HOUR, 365 * DAY), 30 * DAY,
        {Workspace: 0, Callcenter: 0, Analytics: 0},
        "How long a session may last however active; 0 for no such end";
    SessionRefreshEvery = "session.refresh_every", Workspace,
        duration(5 * MINUTE, 7 * DAY), 24 * HOUR,
        {Workspace: 24 * HOUR},
        "How often an active session's cookie is given anew";
    SessionOnRevoke = "session.on_revoke", Workspace,
        Kind::Choice(&["hangup", "finish_call_then_close"]), "hangup",
        {},
        "What happens to a live call when its session is ended";
    MfaMethods = "mfa.methods", Workspace,
        Kind::Words { choices: &["passkey", "totp", "email"], may_be_empty: false },
        ["passkey", "totp", "email"],
        {Callcenter: ["totp", "email"], Analytics: ["totp"]},
        "Second factors that may be used, the preferred one first: passkey (fingerprint, face, PIN or security key of a device), totp (authenticator app), email (code by mail)";
    MfaRequired = "mfa.required", Workspace,
        Kind::Choice(&["none", "admins", "all"]), "none",
        {},
        "Who must have a second factor";
    PasswordMinLength = "password.min_length", Workspace,
        number(CHARACTERS_MIN.into(), CHARACTERS_MAX.into()), CHARACTERS_MIN,
        {Workspace: 8},
        "Fewest characters of a new password";
    PasswordRefuseCommon = "password.refuse_common", Workspace,
        Kind::Flag, true,
        {},
        "Refuse common passwords and one's own names";
    PasswordReuseLast = "password.reuse_last", Workspace,
        number(0, REUSE_LAST_MAX.into()), 0,
        {},
        "How many former passwords, the present one included, may not return";
    PasswordComposition = "password.composition", Workspace,
        Kind::Words { choices: &["lower", "upper", "digit", "sign"], may_be_empty: true },
        [] as [&str; 0],
        {},
        "Kinds of characters a new password must have";
    ApiKeysMaxActive = "api_keys.max_active", Workspace,
        number(0, 1000), 10,
        {Workspace: 10, Analytics: 0},
        "Most active API keys of the workspace; 0 for no limit";
    ApiKeysBrand = "api_keys.brand", Workspace,
        Kind::Brand, "dn",
        {Workspace: "dn"},
        "First word of new API keys";
    RatePerToken = "rate.per_token_per_minute", Installation,
        number(10, 6_000), 60,
        {Analytics: 60},
        "Requests of one API key a minute; less when the server is busy";
    RatePerIp = "rate.per_ip_per_minute", Installation,
        number(30, 60_000), 300,
        {},
        "Requests a minute of one address that is not signed in";
    RatePublicForm = "rate.public_form_per_hour", Installation,
        number(1, 100), 5,
        {Workspace: 5},
        "Public forms an hour of one address";
    RateExpensive = "rate.expensive_per_hour", Installation,
        number(1, 1_000), 20,
        {},
        "Costly requests an hour of one caller";
    RateExpensiveCooldown = "rate.expensive_cooldown", Installation,
        duration(MINUTE, HOUR), 15 * MINUTE,
        {Workspace: 15 * MINUTE},
        "How long costly requests pause once there were too many";
    SignupEnabled = "signup.enabled", Installation,
        Kind::Flag, false,
        {Workspace: true},
        "Whether anybody may make an account and a workspace";
    PinRequired = "pin.required", Workspace,
        Kind::Flag, false,
        {},
        "Whether reports of previous days need a PIN of everybody";
    SmtpTls = "smtp.tls", Workspace,
        Kind::Choice(&["opportunistic", "required"]), "required",
        {Callcenter: "opportunistic"},
        "Whether mail may go out in clear to a server without TLS";
    SmtpRequiredForSecrets = "smtp.required_for_secrets", Workspace,
        Kind::Flag, true,
        {},
        "Never send codes and links in clear";
    RecordingTokenTtl = "recording.token_ttl", Workspace,
        duration(MINUTE, 8 * HOUR), 8 * HOUR,
        {Callcenter: 8 * HOUR},
        "Longest life of a link to a recording";
    UiShowLevels = "ui.show_levels", Workspace,
        Kind::Flag, true,
        {Workspace: false},
        "Show levels 1 to 9";
    UiShowRoles = "ui.show_roles", Workspace,
        Kind::Flag, true,
        {Callcenter: false},
        "Show the roles owner, admin and member; without them level 9 is the owner";
    NumberRequireAssigned = "number.require_assigned", Workspace,
        Kind::Flag, true,
        {Callcenter: false, Analytics: false},
        "Calls out only from a phone number assigned to the caller";
}

impl Setting {
    /// The setting of a name.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|setting| setting.key() == key)
    }

    /// Its value where the workspace itself says nothing.
    #[must_use]
    pub fn value_in(self, preset: Preset) -> Value {
        self.preset_value(preset).unwrap_or_else(|| self.default_value())
    }
}
