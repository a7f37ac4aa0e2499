//! Keys that are derived once and never change: one for each thing that is signed or hidden.

use aws_lc_rs::hkdf::Prk;
use zeroize::Zeroizing;

use super::VaultError;
use super::root_key::expand;

macro_rules! derived_keys {
    ($($(#[$doc:meta])* $purpose:ident, $field:ident = $info:literal;)*) => {
        /// What a key is for; keys of two purposes share nothing.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Purpose {
            $($(#[$doc])* $purpose,)*
        }

        impl Purpose {
            /// What its key is derived with.
            pub(super) fn info(self) -> &'static str {
                match self {
                    $(Self::$purpose => $info,)*
                }
            }
        }

        /// One key for each purpose.
        pub(super) struct DerivedKeys {
            $($field: Zeroizing<[u8; 32]>,)*
        }

        impl DerivedKeys {
            pub(super) fn new(prk: &Prk) -> Result<Self, VaultError> {
                let derive = |info: &str| derive(prk, info);
                Ok(Self { $($field: derive($info)?,)* })
            }

            pub(super) fn get(&self, purpose: Purpose) -> &[u8; 32] {
                match purpose {
                    $(Purpose::$purpose => &self.$field,)*
                }
            }
        }

        #[cfg(test)]
        const ALL: &[Purpose] = &[$(Purpose::$purpose,)*];
    };
}

derived_keys! {
    /// Signs the nonces of SIP digest challenges.
    DigestNonce, digest_nonce = "rf/v1/sip-nonce/1";
    /// Signs the tokens that play or download a recording.
    RecordingToken, recording_token = "rf/v1/recording-token/1";
    /// Signs WebSocket tickets.
    WsTicket, ws_ticket = "rf/v1/ws-ticket/1";
    /// Signs the cookies of devices that have signed in.
    DeviceCookie, device_cookie = "rf/v1/device-cookie/1";
    /// Hides codes that are too short to be hashed: mail codes, PINs, recovery codes.
    CodeHmac, code_hmac = "rf/v1/code-hmac/1";
    /// Begins the audit's chain.
    AuditSeed, audit_seed = "rf/v1/audit-seed/1";
    /// Signs the audit's checkpoints (Ed25519 seed).
    AuditSigning, audit_signing = "rf/v1/audit-signing/1";
    /// Seals the audit's next key.
    AuditHead, audit_head = "rf/v1/audit-head/1";
    /// Seals backups.
    Backup, backup = "rf/v1/backup/1";
    /// Seals the cookie of a sign-in under way at an identity provider.
    OidcPending, oidc_pending = "rf/v1/oidc-pending/1";
}

/// One key.
pub(super) fn derive(prk: &Prk, info: &str) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    let mut key = Zeroizing::new([0; 32]);
    expand(prk, info.as_bytes(), key.as_mut()).map(|()| key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};

    #[test]
    fn keys_of_two_purposes_or_two_installations_share_nothing() {
        let [one, two] = [b"one", b"two"]
            .map(|salt| DerivedKeys::new(&Salt::new(HKDF_SHA256, salt).extract(&[1; 32])).unwrap());
        let keys: std::collections::BTreeSet<_> =
            ALL.iter().flat_map(|purpose| [one.get(*purpose), two.get(*purpose)]).collect();
        assert_eq!(keys.len(), ALL.len() * 2);
    }
}
