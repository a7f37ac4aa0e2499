//! The certificates of development mode: an authority and a leaf for this machine, made once and
//! kept in the data folder.

use std::fs;
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::tls::{Identity, TlsError};

/// File names in the data folder.
const CA_CERT: &str = "dev-ca.pem";
const LEAF_CERT: &str = "dev-cert.pem";
const LEAF_KEY: &str = "dev-key.pem";

/// The leaf for `localhost` and `addresses`, from `folder` or freshly made there.
///
/// # Errors
/// The files cannot be read or written.
pub fn load_or_create(folder: &Path, addresses: &[IpAddr]) -> Result<Identity, TlsError> {
    let (cert, key) = (folder.join(LEAF_CERT), folder.join(LEAF_KEY));
    if !cert.exists() || !key.exists() {
        create(folder, addresses)?;
    }
    Identity::read(&cert, &key)
}

fn create(folder: &Path, addresses: &[IpAddr]) -> Result<(), TlsError> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.distinguished_name.push(DnType::CommonName, "Ringfence development CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_cert = ca.self_signed(&ca_key)?;
    let issuer = Issuer::new(ca, ca_key);

    let mut names = vec!["localhost".to_owned()];
    names.extend(addresses.iter().map(ToString::to_string));
    let leaf_key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name.push(DnType::CommonName, "Ringfence development");
    leaf.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    leaf.use_authority_key_identifier_extension = true;
    let leaf_cert = leaf.signed_by(&leaf_key, &issuer)?;

    write(&folder.join(CA_CERT), &ca_cert.pem())?;
    write(&folder.join(LEAF_KEY), &leaf_key.serialize_pem())?;
    write(&folder.join(LEAF_CERT), &leaf_cert.pem())
}

/// Writes a file only its owner can read.
fn write(path: &Path, text: &str) -> Result<(), TlsError> {
    let result = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    result.map_err(|error| TlsError::File { path: path.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::names;

    #[test]
    fn the_development_certificate_is_made_once_and_names_this_machine() {
        let folder = tempfile::tempdir().expect("folder");
        let address: IpAddr = "127.0.0.1".parse().expect("address");
        let first = load_or_create(folder.path(), &[address]).expect("made");
        let second = load_or_create(folder.path(), &[address]).expect("read");
        assert_eq!(first.chain, second.chain);
        assert!(names(&first.chain[0], "localhost") && names(&first.chain[0], "127.0.0.1"));
        assert!(!names(&first.chain[0], "example.com"));
    }
}
