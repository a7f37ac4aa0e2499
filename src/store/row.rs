//! What the tables hold, as values.

use std::fmt;

use super::{Level, SessionId, TrunkId, UserId};
use crate::base::UnixTime;
use crate::config::{CodecName, TrunkMedia, TrunkUri};

/// This installation; one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Random, made once; salts every derived key.
    pub install_id: [u8; 16],
    /// Names the root key this data was encrypted with.
    pub root_key_id: String,
}

/// A person.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Identity.
    pub id: UserId,
    /// What they sign in with; lower case.
    pub name: String,
    /// What others see.
    pub display_name: String,
    /// Where mail goes; they may sign in with it too.
    pub email: Option<String>,
    /// What their phones are rung at.
    pub number: String,
    /// What they may do.
    pub level: Level,
    /// PHC string of argon2id; `None` has no password and cannot sign in with one.
    pub password_hash: Option<String>,
    /// May not sign in.
    pub disabled: bool,
    /// When added.
    pub created_at: UnixTime,
}

impl fmt::Debug for UserRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRow").field("id", &self.id).field("number", &self.number).finish()
    }
}

/// A person to add.
#[derive(Clone)]
pub struct NewUser {
    /// Sign-in name; lower case, checked by `access`.
    pub name: String,
    /// What others see.
    pub display_name: String,
    /// Mail address.
    pub email: Option<String>,
    /// Their number.
    pub number: String,
    /// What they may do.
    pub level: Level,
    /// PHC string.
    pub password_hash: Option<String>,
}

/// One sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Identity, the `sid` of tokens.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// How they signed in: `password`, `start_link`, `minted`.
    pub method: String,
    /// When.
    pub created_at: UnixTime,
    /// Last request, to within a minute.
    pub last_seen_at: UnixTime,
    /// The end of its life however active.
    pub expires_at: UnixTime,
    /// When and why it ended.
    pub ended: Option<(UnixTime, Ending)>,
    /// The browser's words.
    pub user_agent: Option<String>,
    /// From where.
    pub ip: Option<String>,
}

/// A session to add.
#[derive(Clone)]
pub struct NewSession {
    /// Identity.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// SHA-256 of the cookie; `None` for a minted token, which has none.
    pub token_hash: Option<[u8; 32]>,
    /// How they signed in.
    pub method: &'static str,
    /// Now.
    pub created_at: UnixTime,
    /// The end of its life.
    pub expires_at: UnixTime,
    /// The browser's words.
    pub user_agent: Option<String>,
    /// From where.
    pub ip: Option<String>,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The person signed out.
    Logout,
    /// Unused or too old.
    Expired,
    /// An administrator or the person ended it from elsewhere.
    Revoked,
    /// The password was changed.
    PasswordChanged,
    /// The person may not sign in any more.
    Disabled,
    /// A new sign-in of the same browser took its place.
    Replaced,
}

impl Ending {
    const ALL: [Self; 6] = [
        Self::Logout,
        Self::Expired,
        Self::Revoked,
        Self::PasswordChanged,
        Self::Disabled,
        Self::Replaced,
    ];

    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::PasswordChanged => "password_changed",
            Self::Disabled => "disabled",
            Self::Replaced => "replaced",
        }
    }

    /// From its stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| ending.as_str() == word)
    }
}

/// A PBX or carrier.
#[derive(Clone, PartialEq, Eq)]
pub struct TrunkRow {
    /// Identity; bound into its sealed password.
    pub id: TrunkId,
    /// Unique name.
    pub name: String,
    /// Who wrote it.
    pub source: TrunkSource,
    /// Where it is.
    pub uri: TrunkUri,
    /// Digest user.
    pub user: Option<String>,
    /// Digest password, a vault envelope.
    pub password_sealed: Option<Vec<u8>>,
    /// Its certificate authority, PEM.
    pub ca_pem: Option<String>,
    /// How its audio is carried.
    pub media: TrunkMedia,
    /// Offered in this order.
    pub codecs: Vec<CodecName>,
    /// Whether to register at it.
    pub register: bool,
    /// Domain of From, To and registration; the host when `None`.
    pub domain: Option<String>,
    /// What the running server last knew of it.
    pub state: TrunkState,
}

impl fmt::Debug for TrunkRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrunkRow").field("name", &self.name).field("uri", &self.uri).finish()
    }
}

/// Who wrote a trunk down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrunkSource {
    /// The configuration file or a flag; follows it at each start.
    Config,
    /// `ringfence trunk add` or the API.
    Store,
}

impl TrunkSource {
    /// As stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Store => "store",
        }
    }

    /// From its stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "config" => Some(Self::Config),
            "store" => Some(Self::Store),
            _ => None,
        }
    }
}

/// What the running server last knew of a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkState {
    /// `unknown`, `up`, `registered`, `down`, `refused`, `untrusted`.
    pub word: String,
    /// A sentence: why it is down.
    pub detail: String,
    /// When.
    pub at: UnixTime,
}
