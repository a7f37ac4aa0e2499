//! Certificate and key files, checked as the listeners will use them.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Which setting is wrong, and how.
pub(super) type PairMistake = (&'static str, String);

/// Whether certificate and key can be used, and together.
pub(super) fn check_pair(cert: &Path, key: &Path) -> Result<(), PairMistake> {
    let (shown_cert, shown_key) = (cert.display(), key.display());
    let no_certificate = || ("cert", format!("{shown_cert} holds no PEM certificate"));
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|_| no_certificate())?;
    if chain.is_empty() {
        return Err(no_certificate());
    }
    let der = PrivateKeyDer::from_pem_file(key)
        .map_err(|_| ("key", format!("{shown_key} holds no PEM private key without passphrase")))?;
    let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&der)
        .map_err(|_| ("key", format!("{shown_key} holds a private key of no usable kind")))?;
    match CertifiedKey::new(chain, Arc::clone(&signing)).keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(()),
        Err(Error::InconsistentKeys(_)) => {
            let what = format!(
                "{shown_key} does not belong to the first certificate of {shown_cert}: the \
                 server's own comes first, its issuers follow"
            );
            Err(("key", what))
        }
        Err(_) => Err(("cert", format!("the first certificate of {shown_cert} is damaged"))),
    }
}

/// Whether a PEM text holds a certificate authority a link may rely on.
pub(super) fn has_authority(pem: &[u8]) -> bool {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates.is_ok_and(|certificates| {
        RootCertStore::empty().add_parsable_certificates(certificates).0 > 0
    })
}

/// Whether nobody but its owner can use a secret's file. A file of root's may be readable by one
/// group, as packages make them for the group a server runs in.
pub(super) fn check_private(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let metadata = std::fs::metadata(path)
        .map_err(|error| format!("{shown} cannot be read: {}", reason(&error)))?;
    if is_private(&metadata) {
        Ok(())
    } else {
        Err(format!("others than its owner can read or change {shown}: chmod 600 {shown}"))
    }
}

fn is_private(metadata: &Metadata) -> bool {
    const ROOT: u32 = 0;
    let allowed = if metadata.uid() == ROOT { 0o740 } else { 0o700 };
    metadata.mode() & 0o777 & !allowed == 0
}

/// The system's reason in words.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::PermissionDenied => "the user this runs as may not".into(),
        io::ErrorKind::IsADirectory => "it is a folder".into(),
        io::ErrorKind::InvalidData => "it is not text in UTF-8".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_and_key_must_parse_and_belong_together() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let one = rcgen::generate_simple_self_signed(["a.example".to_string()]).unwrap();
        let two = rcgen::generate_simple_self_signed(["b.example".to_string()]).unwrap();
        let cert = put("cert", &one.cert.pem());
        let key = put("key", &one.signing_key.serialize_pem());
        let other = put("other", &two.signing_key.serialize_pem());
        let none = put("none", "x");
        assert_eq!(check_pair(&cert, &key), Ok(()));
        for (cert, key, setting, word) in [
            (&cert, &other, "key", "does not belong"),
            (&cert, &none, "key", "no PEM private key"),
            (&none, &key, "cert", "no PEM certificate"),
            (&key, &key, "cert", "no PEM certificate"),
        ] {
            let (wrong, what) = check_pair(cert, key).unwrap_err();
            assert!(wrong == setting && what.contains(word), "{wrong}: {what}");
        }
        assert!(has_authority(one.cert.pem().as_bytes()));
        assert!(!has_authority(b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"));
    }
}
