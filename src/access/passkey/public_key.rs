//! Public keys of passkeys as COSE writes them (RFC 9052 §7, RFC 9053, RFC 8230), and signatures
//! under them.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
};
use minicbor::Decoder;

use super::PasskeyRefusal;

/// The algorithms a passkey may be made for, the preferred one first: ES256, EdDSA (Ed25519),
/// RS256.
pub const ALGORITHMS: [i64; 3] = [ES256, EDDSA, RS256];

const ES256: i64 = -7;
const EDDSA: i64 = -8;
const RS256: i64 = -257;

/// A key that signatures are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// A point of P-256, uncompressed.
    Es256([u8; 65]),
    /// A point of Ed25519.
    EdDsa([u8; 32]),
    /// Modulus and exponent, as TPMs of Windows have them.
    Rs256 {
        /// Big-endian, 2048 to 4096 bits.
        n: Vec<u8>,
        /// Big-endian.
        e: Vec<u8>,
    },
}

/// Members of a key's map: RFC 9052 table 2, RFC 9053 tables 18 and 19, RFC 8230 table 4.
const KEY_TYPE: i64 = 1;
const ALGORITHM: i64 = 3;
const FIRST: i64 = -1;
const SECOND: i64 = -2;
const THIRD: i64 = -3;

const OKP: i64 = 1;
const EC2: i64 = 2;
const RSA: i64 = 3;
const P256: i64 = 1;
const ED25519_CURVE: i64 = 6;

/// A key of 4096 bits has the longest map: nothing of a key has more members.
const MEMBERS_MAX: u64 = 8;
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;
const EXPONENT_BYTES: std::ops::RangeInclusive<usize> = 1..=8;

const MALFORMED: PasskeyRefusal = PasskeyRefusal::Malformed("public key");

/// What the members of a map say: -1 is a curve or a modulus, by the type of key.
#[derive(Default)]
struct Members<'b> {
    key_type: Option<i64>,
    algorithm: Option<i64>,
    curve: Option<i64>,
    first: Option<&'b [u8]>,
    second: Option<&'b [u8]>,
    third: Option<&'b [u8]>,
}

impl PublicKey {
    /// Reads the key that stands next.
    pub(super) fn read(decoder: &mut Decoder<'_>) -> Result<Self, PasskeyRefusal> {
        let members = Members::read(decoder).map_err(|_| MALFORMED)?.ok_or(MALFORMED)?;
        let key = match (members.key_type, members.algorithm) {
            (Some(EC2), Some(ES256)) if members.curve == Some(P256) => {
                let mut point = [4; 65];
                let (x, y) = (members.second.unwrap_or(&[]), members.third.unwrap_or(&[]));
                if (x.len(), y.len()) != (32, 32) {
                    return Err(MALFORMED);
                }
                point.iter_mut().skip(1).zip(x.iter().chain(y)).for_each(|(to, from)| *to = *from);
                Self::Es256(point)
            }
            (Some(OKP), Some(EDDSA)) if members.curve == Some(ED25519_CURVE) => {
                let point = members.second.and_then(|point| point.try_into().ok());
                Self::EdDsa(point.ok_or(MALFORMED)?)
            }
            (Some(RSA), Some(RS256)) => {
                let (n, e) = (members.first.unwrap_or(&[]), members.second.unwrap_or(&[]));
                if !MODULUS_BYTES.contains(&n.len()) || !EXPONENT_BYTES.contains(&e.len()) {
                    return Err(MALFORMED);
                }
                Self::Rs256 { n: n.to_vec(), e: e.to_vec() }
            }
            _ => return Err(PasskeyRefusal::Algorithm),
        };
        if key.is_sound() { Ok(key) } else { Err(MALFORMED) }
    }

    /// Reads a key that is all there is.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, PasskeyRefusal> {
        let mut decoder = Decoder::new(bytes);
        let key = Self::read(&mut decoder)?;
        if decoder.position() == bytes.len() { Ok(key) } else { Err(MALFORMED) }
    }

    /// Whether this key signed the message (WebAuthn §6.5.5 says in which form).
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Es256(point) => ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
                .is_ok_and(|key| key.verify_sig(message, signature).is_ok()),
            Self::EdDsa(point) => ParsedPublicKey::new(&ED25519, point)
                .is_ok_and(|key| key.verify_sig(message, signature).is_ok()),
            Self::Rs256 { n, e } => PublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
        }
    }

    /// Whether it is a key at all, such as a point on its curve.
    fn is_sound(&self) -> bool {
        match self {
            Self::Es256(point) => ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).is_ok(),
            Self::EdDsa(point) => ParsedPublicKey::new(&ED25519, point).is_ok(),
            // Checked with each signature.
            Self::Rs256 { .. } => true,
        }
    }
}

impl<'b> Members<'b> {
    /// `None` for a map of indefinite length, with too many members, or with one of ours twice.
    fn read(decoder: &mut Decoder<'b>) -> Result<Option<Self>, minicbor::decode::Error> {
        let Some(count) = decoder.map()?.filter(|count| *count <= MEMBERS_MAX) else {
            return Ok(None);
        };
        let mut members = Self::default();
        for _ in 0..count {
            let is_new = match decoder.i64()? {
                KEY_TYPE => members.key_type.replace(decoder.i64()?).is_none(),
                ALGORITHM => members.algorithm.replace(decoder.i64()?).is_none(),
                FIRST if members.key_type == Some(RSA) => {
                    members.first.replace(decoder.bytes()?).is_none()
                }
                FIRST => members.curve.replace(decoder.i64()?).is_none(),
                SECOND => members.second.replace(decoder.bytes()?).is_none(),
                THIRD => members.third.replace(decoder.bytes()?).is_none(),
                _ => {
                    decoder.skip()?;
                    true
                }
            };
            if !is_new {
                return Ok(None);
            }
        }
        Ok(Some(members))
    }
}
