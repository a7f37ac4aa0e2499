//! What a request is judged by, and the judgement.

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};

use crate::access::device::DeviceCookie;

/// Which limits a route has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RateClass {
    /// Everything without a class of its own, unknown paths too.
    General,
    /// Sign-in, second factor, reset: whatever takes a guess.
    Auth,
    /// Forms anybody may send (A30).
    PublicForm,
    /// What costs much: an hourly window, and a pause once it is exceeded (A31).
    Expensive,
    /// The phone's socket. Never narrowed by load (C17).
    Signaling,
    /// Files of the console.
    Static,
}

/// Who sends a request, as far as that is proved. Whoever showed a bad token is `Anonymous`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Nobody we know.
    Anonymous,
    /// A signed-in person's session.
    Session([u8; 16]),
    /// An API key.
    Token([u8; 16]),
}

/// What is guessed at an account. Each kind is counted on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attempt {
    /// The password.
    Password,
    /// The second factor.
    Factor,
    /// A request for a mail: reset, verification, code.
    Mail,
}

/// An account that is guessed at, whether it exists or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccountKey(pub(super) [u64; 2]);

impl AccountKey {
    /// From what was entered. Use one spelling per account: the name for [`Attempt::Password`]
    /// as entered, the user id for what follows.
    #[must_use]
    pub fn new(attempt: Attempt, name: &str) -> Self {
        let kind = match attempt {
            Attempt::Password => "password",
            Attempt::Factor => "factor",
            Attempt::Mail => "mail",
        };
        let hash = digest(&SHA256, format!("{kind}\0{}", name.trim().to_lowercase()).as_bytes());
        Self(hash.as_ref().first_chunk().copied().map_or([0; 2], pair))
    }
}

/// A browser that signed in as this account before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceKey(pub(super) [u64; 2]);

impl From<&DeviceCookie> for DeviceKey {
    /// From a verified cookie, after checking that its person is the account's.
    fn from(cookie: &DeviceCookie) -> Self {
        Self(pair(cookie.device_id))
    }
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFacts {
    /// The route's class.
    pub class: RateClass,
    /// The client's address, from `client_ip`.
    pub ip: IpAddr,
    /// Who it is.
    pub caller: Caller,
    /// Whose account is guessed at, for [`RateClass::Auth`].
    pub account: Option<AccountKey>,
    /// A device cookie of that account, for [`RateClass::Auth`].
    pub device: Option<DeviceKey>,
}

impl RequestFacts {
    /// A request of somebody unknown.
    #[must_use]
    pub fn anonymous(class: RateClass, ip: IpAddr) -> Self {
        Self { class, ip, caller: Caller::Anonymous, account: None, device: None }
    }
}

/// How busy the server is, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load(u16);

impl Load {
    /// Idle.
    pub const NONE: Self = Self(0);

    /// From thousandths of what the server can do; over 1000 counts as 1000.
    #[must_use]
    pub fn per_mille(load: u16) -> Self {
        Self(load.min(1000))
    }

    /// A limit under this load: whole up to 70 %, then falling evenly to a quarter at 100 %.
    #[must_use]
    pub fn narrow(self, limit: u32) -> u32 {
        let over = u64::from(self.0.saturating_sub(LOAD_FREE));
        let lost = u64::from(limit) * over * 3 / (4 * u64::from(1000 - LOAD_FREE));
        u32::try_from(u64::from(limit) - lost).unwrap_or(limit).max(1)
    }
}

const LOAD_FREE: u16 = 700;

/// Which bucket a request met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// One address (IPv4), one /64 (IPv6).
    Ip,
    /// A /24 (IPv4), a /48 (IPv6).
    Network,
    /// An API key.
    Token,
    /// A session.
    Session,
    /// An account, from everywhere.
    Account,
    /// An account, from one address.
    AccountNetwork,
    /// A known browser.
    Device,
}

impl Scope {
    /// The word in the error body.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Network => "network",
            Self::Token => "token",
            Self::Session => "session",
            Self::Account | Self::AccountNetwork => "account",
            Self::Device => "device",
        }
    }
}

/// Whether a request may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may; the numbers of the fullest bucket, for `RateLimit-*`.
    Allowed {
        /// Requests per window.
        limit: u32,
        /// Left of them.
        remaining: u32,
        /// Seconds until all of them are back.
        reset_s: u32,
    },
    /// It may not: 429.
    Refused {
        /// What is full.
        scope: Scope,
        /// Its limit.
        limit: u32,
        /// Seconds after which the same request succeeds, if nobody else uses the bucket.
        retry_after_s: u32,
    },
}

/// 16 bytes as two numbers, which hash faster.
pub(super) fn pair(bytes: [u8; 16]) -> [u64; 2] {
    let number = u128::from_be_bytes(bytes);
    [(number >> 64) as u64, number as u64]
}
