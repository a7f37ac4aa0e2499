//! Passkeys made and shown by an authenticator with real keys, and everything that may be wrong.

use proptest::prelude::*;

use super::authenticator::{Authenticator, attestation_object};
use super::authenticator_data::AuthenticatorData;
use super::public_key::PublicKey;
use super::{Assertion, Known, PasskeyRefusal, Registration, Site};
use crate::access::random;

const OWNER: &[u8] = b"0123456789abcdef";

fn site() -> Site {
    Site::new("phones.example", vec!["https://phones.example".into()]).unwrap()
}

/// A challenge as it is sent, and as it is kept.
fn challenge() -> (String, [u8; 32]) {
    let text = random::key().unwrap().expose().to_owned();
    let hash = random::hash(&text).unwrap();
    (text, hash)
}

/// Makes a part of what an authenticator says wrong.
type Spoil = fn(&mut Authenticator);

/// A passkey as it was kept.
struct Kept {
    key: Vec<u8>,
    count: u32,
}

fn register(authenticator: &mut Authenticator) -> Kept {
    let (text, hash) = challenge();
    let made = authenticator.make(&text).check(&site(), &hash).unwrap();
    assert_eq!(made.id, authenticator.id);
    assert_eq!(made.public_key, authenticator.cose());
    Kept { key: made.public_key, count: made.sign_count }
}

fn check(answer: &Assertion, hash: &[u8; 32], kept: &Kept) -> Result<u32, PasskeyRefusal> {
    let known = Known { user_handle: OWNER, public_key: &kept.key, sign_count: kept.count };
    answer.check(&site(), hash, known)
}

#[test]
fn x07_a_passkey_of_each_algorithm_is_made_and_shown() {
    for mut one in [Authenticator::es256(), Authenticator::eddsa(), Authenticator::rs256()] {
        let mut kept = register(&mut one);
        for expected in 1..4 {
            let (text, hash) = challenge();
            let count = check(&one.show(&text), &hash, &kept).unwrap();
            assert_eq!(count, expected);
            kept.count = count;
        }
        one.user_handle = Some(OWNER.to_vec());
        let (text, hash) = challenge();
        assert_eq!(check(&one.show(&text), &hash, &kept), Ok(4));
    }
}

#[test]
fn x07_a_passkey_that_never_counts_may_stay_at_zero() {
    let mut one = Authenticator::es256();
    one.count = None;
    let kept = register(&mut one);
    for _ in 0..2 {
        let (text, hash) = challenge();
        assert_eq!(check(&one.show(&text), &hash, &kept), Ok(0));
    }
}

#[test]
fn x07_a_counter_that_goes_back_or_stands_still_is_refused() {
    let mut one = Authenticator::eddsa();
    let mut kept = register(&mut one);
    kept.count = 9;
    for count in [0, 7, 8] {
        one.count = Some(count);
        let (text, hash) = challenge();
        assert_eq!(check(&one.show(&text), &hash, &kept), Err(PasskeyRefusal::Counter), "{count}");
    }
    one.count = None;
    let (text, hash) = challenge();
    assert_eq!(check(&one.show(&text), &hash, &kept), Err(PasskeyRefusal::Counter), "none");
}

#[test]
fn x07_what_was_made_for_something_else_is_refused() {
    let wrong: [(Spoil, PasskeyRefusal); 7] = [
        (|one| one.origin = "https://phones.example.evil".into(), PasskeyRefusal::Origin),
        (|one| one.origin = "http://phones.example".into(), PasskeyRefusal::Origin),
        (|one| one.cross_origin = true, PasskeyRefusal::Origin),
        (|one| one.host = "example".into(), PasskeyRefusal::Site),
        (|one| one.flags = 0b100, PasskeyRefusal::Presence),
        (|one| one.flags = 0b1_0001, PasskeyRefusal::Malformed("authenticator data")),
        (|one| one.flags = 0b1000_0001, PasskeyRefusal::Malformed("authenticator data")),
    ];
    for (spoil, refusal) in wrong {
        let (text, hash) = challenge();
        let mut one = Authenticator::es256();
        let kept = register(&mut one);
        spoil(&mut one);
        assert_eq!(one.make(&text).check(&site(), &hash), Err(refusal));
        assert_eq!(check(&one.show(&text), &hash, &kept), Err(refusal));
    }
    let mut one = Authenticator::es256();
    let kept = register(&mut one);
    one.user_handle = Some(b"somebody else's.".to_vec());
    let (text, hash) = challenge();
    assert_eq!(check(&one.show(&text), &hash, &kept), Err(PasskeyRefusal::Unknown));
}

#[test]
fn x07_an_answer_is_good_for_its_own_question_alone() {
    let mut one = Authenticator::es256();
    let kept = register(&mut one);
    let ((text, hash), (other_text, other_hash)) = (challenge(), challenge());
    assert_eq!(check(&one.show(&text), &other_hash, &kept), Err(PasskeyRefusal::Challenge));
    assert_eq!(one.make(&text).check(&site(), &other_hash), Err(PasskeyRefusal::Challenge));
    for bad in ["", "AAAA", &format!("{text}="), &other_text] {
        assert_eq!(check(&one.show(bad), &hash, &kept), Err(PasskeyRefusal::Challenge), "{bad}");
    }
    let made = one.make(&text);
    let shown = one.show(&text);
    let swapped = Assertion { client_data: made.client_data.clone(), ..shown.clone() };
    assert_eq!(check(&swapped, &hash, &kept), Err(PasskeyRefusal::Ceremony));
    let swapped = Registration { client_data: shown.client_data, ..made };
    assert_eq!(swapped.check(&site(), &hash), Err(PasskeyRefusal::Ceremony));
}

#[test]
fn x07_another_key_or_another_signature_is_refused() {
    for (mut one, mut other) in [
        (Authenticator::es256(), Authenticator::es256()),
        (Authenticator::eddsa(), Authenticator::eddsa()),
        (Authenticator::rs256(), Authenticator::es256()),
    ] {
        let kept = register(&mut one);
        let (text, hash) = challenge();
        assert_eq!(check(&other.show(&text), &hash, &kept), Err(PasskeyRefusal::Signature));
        let mut shown = one.show(&text);
        *shown.signature.last_mut().unwrap() ^= 1;
        assert_eq!(check(&shown, &hash, &kept), Err(PasskeyRefusal::Signature));
        let mut shown = one.show(&text);
        shown.authenticator_data[36] ^= 1;
        assert_eq!(check(&shown, &hash, &kept), Err(PasskeyRefusal::Signature), "counter");
        shown.signature = vec![0; 513];
        assert_eq!(check(&shown, &hash, &kept), Err(PasskeyRefusal::Malformed("signature")));
    }
}

#[test]
fn x07_keys_of_other_kinds_and_points_off_the_curve_are_refused() {
    let read = |bytes: &[u8]| PublicKey::from_bytes(bytes).map(drop);
    let good = Authenticator::es256().cose();
    assert_eq!(read(&good), Ok(()));
    let changed = |at: usize, to: u8| {
        let mut key = good.clone();
        key[at] = to;
        read(&key)
    };
    assert_eq!(changed(2, 1), Err(PasskeyRefusal::Algorithm), "OKP with ES256");
    assert_eq!(changed(4, 0x38), Err(PasskeyRefusal::Malformed("public key")), "ES384, cut");
    assert_eq!(changed(4, 0x27), Err(PasskeyRefusal::Algorithm), "EC2 with EdDSA");
    assert_eq!(changed(6, 2), Err(PasskeyRefusal::Algorithm), "P-384");
    assert_eq!(changed(12, good[12] ^ 1), Err(PasskeyRefusal::Malformed("public key")), "off");
    assert_eq!(changed(0, 0xbf), Err(PasskeyRefusal::Malformed("public key")), "indefinite");
    assert_eq!(changed(0, 0xbb), Err(PasskeyRefusal::Malformed("public key")), "huge");
    let mut twice = vec![0xa2, 1, 2, 1, 2];
    assert_eq!(read(&twice), Err(PasskeyRefusal::Malformed("public key")));
    twice.clear();
    assert_eq!(read(&twice), Err(PasskeyRefusal::Malformed("public key")));
    let mut longer = good.clone();
    longer.push(0);
    assert_eq!(read(&longer), Err(PasskeyRefusal::Malformed("public key")));
    let small = [&[0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, 0x58, 128][..], &[0xff; 128]].concat();
    let small = [&small[..], &[0x21, 0x43, 1, 0, 1]].concat();
    assert_eq!(read(&small), Err(PasskeyRefusal::Malformed("public key")), "RSA with 1024 bits");
}

#[test]
fn x07_an_attestation_is_skipped_and_lengths_are_bounded() {
    let (text, hash) = challenge();
    let mut one = Authenticator::es256();
    let made = one.make(&text);
    let data = made.attestation_object[31..].to_vec();
    let mut packed = b"\xa3\x63fmt\x66packed\x67attStmt\xa2\x63alg\x26\x63sig\x41\x00".to_vec();
    packed.extend_from_slice(b"\x68authData\x58");
    packed.push(u8::try_from(data.len()).unwrap());
    packed.extend_from_slice(&data);
    let answer = |object: Vec<u8>| Registration { attestation_object: object, ..made.clone() };
    assert!(answer(packed).check(&site(), &hash).is_ok());
    let malformed = Err(PasskeyRefusal::Malformed("attestation object"));
    assert_eq!(answer(vec![0xa0]).check(&site(), &hash), malformed, "no data");
    let long = [attestation_object(&data), vec![0; 16 * 1024]].concat();
    assert_eq!(answer(long).check(&site(), &hash), malformed);
    let without = attestation_object(&one.show(&text).authenticator_data);
    assert_eq!(answer(without).check(&site(), &hash), malformed, "no key");
    one.id = vec![7; 1024];
    let refused = one.make(&text).check(&site(), &hash);
    assert_eq!(refused, Err(PasskeyRefusal::Malformed("authenticator data")));
    let client_data = vec![b' '; 4097];
    let refused = Registration { client_data, ..made }.check(&site(), &hash);
    assert_eq!(refused, Err(PasskeyRefusal::Malformed("client data")));
}

proptest! {
    #[test]
    fn x07_any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let (_, hash) = challenge();
        let kept = Kept { key: bytes.clone(), count: 0 };
        let _ = PublicKey::from_bytes(&bytes);
        let _ = AuthenticatorData::read(&bytes);
        let made = Registration { client_data: bytes.clone(), attestation_object: bytes.clone() };
        prop_assert!(made.check(&site(), &hash).is_err());
        let shown = Assertion {
            credential_id: bytes.clone(),
            client_data: bytes.clone(),
            authenticator_data: bytes.clone(),
            signature: bytes,
            user_handle: None,
        };
        prop_assert!(check(&shown, &hash, &kept).is_err());
    }

    #[test]
    fn x07_a_passkey_with_bytes_changed_is_never_another_one(
        at in 0usize..400,
        to: u8,
        cut in 0usize..400,
    ) {
        let (text, hash) = challenge();
        let mut one = Authenticator::eddsa();
        let kept = register(&mut one);
        let mut made = one.make(&text);
        let object = made.attestation_object.len();
        made.attestation_object[at % object] = to;
        if let Ok(new) = made.check(&site(), &hash) {
            prop_assert!(PublicKey::from_bytes(&new.public_key).is_ok());
        }
        made.attestation_object.truncate(cut % object);
        prop_assert!(made.check(&site(), &hash).is_err());

        let shown = one.show(&text);
        let mut changed = shown.clone();
        let length = changed.authenticator_data.len();
        changed.authenticator_data[at % length] = to;
        let is_same = changed == shown;
        prop_assert_eq!(check(&changed, &hash, &kept).is_ok(), is_same);
        let mut changed = shown.clone();
        let length = changed.client_data.len();
        changed.client_data[at % length] = to;
        let is_same = changed == shown;
        prop_assert_eq!(check(&changed, &hash, &kept).is_ok(), is_same);
    }
}
