//! What the browser says about where and for what a passkey was used (WebAuthn §5.8.1).

use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::{PasskeyRefusal, Site};
use crate::access::random;
use crate::base::limit;

/// What a passkey is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ceremony {
    /// It is made.
    Registration,
    /// It is shown.
    Assertion,
}

/// Further members are ignored: browsers add some on purpose (§5.8.1, "GREASE").
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
}

impl Ceremony {
    fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "webauthn.create",
            Self::Assertion => "webauthn.get",
        }
    }
}

/// Checks the client data of a ceremony against the challenge's hash (§7.1 and §7.2, the steps on
/// `C`).
pub(super) fn check(
    client_data: &[u8],
    ceremony: Ceremony,
    site: &Site,
    challenge_hash: &[u8; 32],
) -> Result<(), PasskeyRefusal> {
    let malformed = PasskeyRefusal::Malformed("client data");
    if client_data.len() > limit::PASSKEY_CLIENT_DATA_BYTES_MAX {
        return Err(malformed);
    }
    let data: ClientData = serde_json::from_slice(client_data).map_err(|_| malformed)?;
    if data.r#type != ceremony.as_str() {
        return Err(PasskeyRefusal::Ceremony);
    }
    let hash = random::hash(&data.challenge).ok_or(PasskeyRefusal::Challenge)?;
    if !bool::from(hash.ct_eq(challenge_hash)) {
        return Err(PasskeyRefusal::Challenge);
    }
    if data.cross_origin || !site.has(&data.origin) {
        return Err(PasskeyRefusal::Origin);
    }
    Ok(())
}
