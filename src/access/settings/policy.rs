//! The settings of a workspace as typed values: what code asks.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::{Preset, Setting};
use crate::access::api_key::ApiKeyBrand;
use crate::access::password_policy::{Composition, PasswordPolicy};
use crate::access::throttle::{RateLimit, RateLimits};

/// What happens to a live call when its session is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRevoke {
    /// It ends too.
    Hangup,
    /// It goes on; the socket closes after it.
    FinishCallThenClose,
}

/// A second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactorMethod {
    /// A key of the device. Offered to nobody who has none.
    Passkey,
    /// An authenticator app.
    Totp,
    /// Six digits by mail.
    Email,
}

/// Who must have a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorRequired {
    /// Nobody.
    None,
    /// Level 9, admins and owners.
    Admins,
    /// Everybody.
    All,
}

/// Whether mail may go out in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// When the server offers no TLS.
    Opportunistic,
    /// Never.
    Required,
}

/// The settings of one workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Where unset values come from.
    pub preset: Preset,
    /// `session.idle_timeout`.
    pub session_idle_timeout: Duration,
    /// `session.absolute_max`; `None` is no such end.
    pub session_absolute_max: Option<Duration>,
    /// `session.refresh_every`.
    pub session_refresh_every: Duration,
    /// `session.on_revoke`.
    pub session_on_revoke: OnRevoke,
    /// `mfa.methods`, the preferred one first.
    pub mfa_methods: Vec<FactorMethod>,
    /// `mfa.required`.
    pub mfa_required: FactorRequired,
    /// `password.*`.
    pub password: PasswordPolicy,
    /// `api_keys.max_active`; `None` is no limit.
    pub api_keys_max_active: Option<u32>,
    /// `api_keys.brand`.
    pub api_keys_brand: ApiKeyBrand,
    /// `rate.*`; the home workspace's count.
    pub rate: RateLimits,
    /// `signup.enabled`; the home workspace's counts.
    pub signup_enabled: bool,
    /// `pin.required`.
    pub pin_required: bool,
    /// `smtp.tls`.
    pub smtp_tls: SmtpTls,
    /// `smtp.required_for_secrets`.
    pub smtp_required_for_secrets: bool,
    /// `recording.token_ttl`.
    pub recording_token_ttl: Duration,
    /// `ui.show_levels`.
    pub show_levels: bool,
    /// `ui.show_roles`.
    pub show_roles: bool,
    /// `number.require_assigned`.
    pub number_require_assigned: bool,
}

impl Default for Policy {
    /// A workspace that set nothing.
    fn default() -> Self {
        Self::of(Preset::default(), &BTreeMap::new())
    }
}

impl Policy {
    /// The policy of a preset and of what the workspace itself set. A stored value that this
    /// version does not allow counts as not set.
    #[must_use]
    pub fn of(preset: Preset, set: &BTreeMap<Setting, Value>) -> Self {
        let values = Values { preset, set };
        Self {
            preset,
            session_idle_timeout: values.duration(Setting::SessionIdleTimeout),
            session_absolute_max: Some(values.duration(Setting::SessionAbsoluteMax))
                .filter(|longest| !longest.is_zero()),
            session_refresh_every: values.duration(Setting::SessionRefreshEvery),
            session_on_revoke: match values.word(Setting::SessionOnRevoke).as_str() {
                "finish_call_then_close" => OnRevoke::FinishCallThenClose,
                _ => OnRevoke::Hangup,
            },
            mfa_methods: values.methods(),
            mfa_required: match values.word(Setting::MfaRequired).as_str() {
                "all" => FactorRequired::All,
                "admins" => FactorRequired::Admins,
                _ => FactorRequired::None,
            },
            password: values.password(),
            api_keys_max_active: Some(values.small(Setting::ApiKeysMaxActive)).filter(|n| *n > 0),
            api_keys_brand: ApiKeyBrand::new(&values.word(Setting::ApiKeysBrand))
                .unwrap_or_default(),
            rate: values.rate(),
            signup_enabled: values.flag(Setting::SignupEnabled),
            pin_required: values.flag(Setting::PinRequired),
            smtp_tls: match values.word(Setting::SmtpTls).as_str() {
                "opportunistic" => SmtpTls::Opportunistic,
                _ => SmtpTls::Required,
            },
            smtp_required_for_secrets: values.flag(Setting::SmtpRequiredForSecrets),
            recording_token_ttl: values.duration(Setting::RecordingTokenTtl),
            show_levels: values.flag(Setting::UiShowLevels),
            show_roles: values.flag(Setting::UiShowRoles),
            number_require_assigned: values.flag(Setting::NumberRequireAssigned),
        }
    }

    /// How far back a second factor stands among those allowed; the preferred one has 0, one that
    /// is not allowed comes after all.
    #[must_use]
    pub fn rank(&self, method: FactorMethod) -> usize {
        let found = self.mfa_methods.iter().position(|allowed| *allowed == method);
        found.unwrap_or(self.mfa_methods.len())
    }

    /// Whether a live call of an ended session goes on to its end.
    #[must_use]
    pub fn session_finishes_calls(&self) -> bool {
        self.session_on_revoke == OnRevoke::FinishCallThenClose
    }
}

impl FactorMethod {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passkey => "passkey",
            Self::Totp => "totp",
            Self::Email => "email",
        }
    }
}

fn method(word: &str) -> Option<FactorMethod> {
    let all = [FactorMethod::Passkey, FactorMethod::Totp, FactorMethod::Email];
    all.into_iter().find(|method| method.as_str() == word)
}

/// Effective values by their setting.
struct Values<'a> {
    preset: Preset,
    set: &'a BTreeMap<Setting, Value>,
}

impl Values<'_> {
    fn get(&self, setting: Setting) -> Value {
        let set = self.set.get(&setting).filter(|value| setting.kind().check(value).is_ok());
        set.cloned().unwrap_or_else(|| setting.value_in(self.preset))
    }

    fn number(&self, setting: Setting) -> u64 {
        self.get(setting).as_u64().unwrap_or(0)
    }

    fn small(&self, setting: Setting) -> u32 {
        u32::try_from(self.number(setting)).unwrap_or(u32::MAX)
    }

    fn duration(&self, setting: Setting) -> Duration {
        Duration::from_secs(self.number(setting))
    }

    fn flag(&self, setting: Setting) -> bool {
        self.get(setting).as_bool().unwrap_or(false)
    }

    fn word(&self, setting: Setting) -> String {
        self.get(setting).as_str().unwrap_or_default().to_owned()
    }

    fn words(&self, setting: Setting) -> Vec<String> {
        let value = self.get(setting);
        let words = value.as_array().map(Vec::as_slice).unwrap_or_default();
        words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    }

    fn methods(&self) -> Vec<FactorMethod> {
        self.words(Setting::MfaMethods).iter().filter_map(|word| method(word)).collect()
    }

    fn password(&self) -> PasswordPolicy {
        let kinds = self.words(Setting::PasswordComposition);
        let has = |kind: &str| kinds.iter().any(|word| word == kind);
        let composition = Composition {
            lower: has("lower"),
            upper: has("upper"),
            digit: has("digit"),
            sign: has("sign"),
        };
        let refuse_common = self.flag(Setting::PasswordRefuseCommon);
        let mut policy = PasswordPolicy::default();
        policy.composition = composition;
        policy.refuse_common = refuse_common;
        let byte = |setting| u8::try_from(self.number(setting)).unwrap_or(u8::MAX);
        let policy = policy.with_min_length(byte(Setting::PasswordMinLength)).unwrap_or(policy);
        policy.with_reuse_last(byte(Setting::PasswordReuseLast)).unwrap_or(policy)
    }

    fn rate(&self) -> RateLimits {
        RateLimits {
            per_token: RateLimit::per_minute(self.small(Setting::RatePerToken)),
            per_ip: RateLimit::per_minute(self.small(Setting::RatePerIp)),
            public_form: RateLimit::per_hour(self.small(Setting::RatePublicForm)),
            expensive: RateLimit::per_hour(self.small(Setting::RateExpensive)),
            expensive_cooldown: self.duration(Setting::RateExpensiveCooldown),
            ..RateLimits::default()
        }
    }
}
