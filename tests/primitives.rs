//! The primitives under the vault and the tokens against Wycheproof's vectors, edge cases and
//! forgeries included (SECURITY C-02).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wycheproof::TestResult;

#[test]
fn sec_c02_aes_gcm_seals_and_opens_what_wycheproof_says_and_nothing_else() {
    let set = wycheproof::aead::TestSet::load(wycheproof::aead::TestName::AesGcm).unwrap();
    let mut counts = (0, 0);
    for group in set.test_groups.iter().filter(|g| g.nonce_size == 96 && g.tag_size == 128) {
        let algorithm = match group.key_size {
            128 => &AES_128_GCM,
            256 => &AES_256_GCM,
            _ => continue,
        };
        for test in &group.tests {
            let key = LessSafeKey::new(UnboundKey::new(algorithm, &test.key).unwrap());
            let nonce = || Nonce::try_assume_unique_for_key(&test.nonce).unwrap();
            let mut sealed = [test.ct.as_slice(), test.tag.as_slice()].concat();
            let opened = key.open_in_place(nonce(), Aad::from(&test.aad[..]), &mut sealed);
            if test.result == TestResult::Invalid {
                assert!(opened.is_err(), "test {} opens", test.tc_id);
                counts.1 += 1;
                continue;
            }
            assert_eq!(opened.unwrap(), test.pt.as_slice(), "test {}", test.tc_id);
            let mut text = test.pt.to_vec();
            key.seal_in_place_append_tag(nonce(), Aad::from(&test.aad[..]), &mut text).unwrap();
            assert_eq!(text, [test.ct.as_slice(), test.tag.as_slice()].concat());
            counts.0 += 1;
        }
    }
    assert!(counts.0 > 50 && counts.1 > 20, "{counts:?}");
}

#[test]
fn sec_c02_hmac_sha256_agrees_with_wycheproof() {
    let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).unwrap();
    let mut counts = (0, 0);
    for group in &set.test_groups {
        for test in &group.tests {
            let mut mac = Hmac::<Sha256>::new_from_slice(&test.key).unwrap();
            mac.update(&test.msg);
            let is_right = mac.verify_truncated_left(&test.tag).is_ok();
            assert_eq!(is_right, test.result != TestResult::Invalid, "test {}", test.tc_id);
            if is_right { counts.0 += 1 } else { counts.1 += 1 }
        }
    }
    assert!(counts.0 > 50 && counts.1 > 20, "{counts:?}");
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[test]
fn sec_c02_hkdf_sha256_agrees_with_wycheproof() {
    let set = wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha256).unwrap();
    let mut counts = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let prk = Salt::new(HKDF_SHA256, &test.salt).extract(&test.ikm);
        let info = [test.info.as_slice()];
        let mut okm = vec![0; test.size];
        let made = prk.expand(&info, Length(test.size)).and_then(|okm_| okm_.fill(&mut okm));
        assert_eq!(made.is_ok(), test.result != TestResult::Invalid, "test {}", test.tc_id);
        if made.is_ok() {
            assert_eq!(okm, test.okm.as_slice(), "test {}", test.tc_id);
            counts.0 += 1;
        } else {
            counts.1 += 1;
        }
    }
    assert!(counts.0 > 50 && counts.1 > 0, "{counts:?}");
}
