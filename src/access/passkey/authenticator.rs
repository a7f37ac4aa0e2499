//! An authenticator for tests: real keys, and every part of what it says can be made wrong.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use serde_json::json;

use super::{Assertion, Registration};

/// One passkey and the browser around it.
pub struct Authenticator {
    key: Key,
    pub id: Vec<u8>,
    /// Where its pages are.
    pub origin: String,
    /// The site it says it is for.
    pub host: String,
    pub cross_origin: bool,
    /// Present, verified, may be backed up and is.
    pub flags: u8,
    /// Signatures so far; each one more unless it is `None`.
    pub count: Option<u32>,
    pub user_handle: Option<Vec<u8>>,
}

enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(Box<RsaKeyPair>),
}

impl Authenticator {
    pub fn es256() -> Self {
        Self::of(Key::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()))
    }

    pub fn eddsa() -> Self {
        Self::of(Key::EdDsa(Ed25519KeyPair::generate().unwrap()))
    }

    pub fn rs256() -> Self {
        Self::of(Key::Rs256(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())))
    }

    fn of(key: Key) -> Self {
        let mut id = vec![0; 32];
        aws_lc_rs::rand::fill(&mut id).unwrap();
        Self {
            key,
            id,
            origin: "https://phones.example".into(),
            host: "phones.example".into(),
            cross_origin: false,
            flags: 0b0001_1101,
            count: Some(0),
            user_handle: None,
        }
    }

    /// `navigator.credentials.create()`.
    pub fn make(&mut self, challenge: &str) -> Registration {
        let mut data = self.data(self.flags | 1 << 6);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend_from_slice(&self.id);
        data.extend_from_slice(&self.cose());
        Registration {
            client_data: self.client_data("webauthn.create", challenge),
            attestation_object: attestation_object(&data),
        }
    }

    /// `navigator.credentials.get()`.
    pub fn show(&mut self, challenge: &str) -> Assertion {
        self.count = self.count.map(|count| count + 1);
        let authenticator_data = self.data(self.flags);
        let client_data = self.client_data("webauthn.get", challenge);
        let mut signed = authenticator_data.clone();
        signed.extend_from_slice(digest(&SHA256, &client_data).as_ref());
        Assertion {
            credential_id: self.id.clone(),
            signature: self.sign(&signed),
            client_data,
            authenticator_data,
            user_handle: self.user_handle.clone(),
        }
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let mut data = digest(&SHA256, self.host.as_bytes()).as_ref().to_vec();
        data.push(flags);
        data.extend_from_slice(&self.count.unwrap_or(0).to_be_bytes());
        data
    }

    fn client_data(&self, r#type: &str, challenge: &str) -> Vec<u8> {
        let data = json!({
            "type": r#type,
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": self.cross_origin,
            "other_keys_can_be_added_here": "do not compare clientDataJSON against a template",
        });
        serde_json::to_vec(&data).unwrap()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Es256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Key::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Key::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// The public key as COSE writes it.
    pub fn cose(&self) -> Vec<u8> {
        match &self.key {
            Key::Es256(key) => {
                let point = key.public_key().as_ref();
                let mut map = vec![0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32];
                map.extend_from_slice(&point[1..33]);
                map.extend_from_slice(&[0x22, 0x58, 32]);
                map.extend_from_slice(&point[33..]);
                map
            }
            Key::EdDsa(key) => {
                let mut map = vec![0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32];
                map.extend_from_slice(key.public_key().as_ref());
                map
            }
            Key::Rs256(key) => {
                let modulus = key.public_key().modulus().big_endian_without_leading_zero();
                let exponent = key.public_key().exponent().big_endian_without_leading_zero();
                let mut map = vec![0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, 0x59, 1, 0];
                map.extend_from_slice(modulus);
                map.extend_from_slice(&[0x21, 0x43]);
                map.extend_from_slice(exponent);
                map
            }
        }
    }
}

/// `{"fmt": "none", "attStmt": {}, "authData": data}`.
pub fn attestation_object(data: &[u8]) -> Vec<u8> {
    let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
    object.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
    object.extend_from_slice(data);
    object
}
