//! TLS for every listener and link: one provider (aws-lc-rs), TLS 1.3 and 1.2, X25519MLKEM768
//! first.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate or key file cannot be read.
    #[error("cannot read {path}: {reason}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The PEM text of a certificate authority holds no certificate.
    #[error("the certificate authority is not a PEM certificate")]
    Authority,
    /// Certificate and key do not fit, or the library refused them.
    #[error("certificate not usable: {0}")]
    Rustls(#[from] rustls::Error),
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Generate(#[from] rcgen::Error),
}

/// A certificate chain with its key.
pub struct Identity {
    /// Leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads PEM files.
    ///
    /// # Errors
    /// A file cannot be read or holds nothing usable.
    pub fn read(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let fail = |path: &Path, error: &dyn std::fmt::Display| TlsError::File {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let chain = CertificateDer::pem_file_iter(cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| fail(cert, &error))?;
        if chain.is_empty() {
            return Err(fail(cert, &"no certificate in it"));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| fail(key, &error))?;
        Ok(Self { chain, key })
    }
}

/// Which certificate authorities a PBX may be signed by.
#[derive(Clone, Debug, Default)]
pub struct Authorities {
    /// A PEM file.
    pub file: Option<PathBuf>,
    /// PEM text.
    pub pem: Option<String>,
}

impl Authorities {
    /// Whether what is given can be read.
    ///
    /// # Errors
    /// No PEM, or no certificate in it.
    pub fn check(&self) -> Result<(), TlsError> {
        self.roots().map(|_| ())
    }

    /// The roots: those given, or the system's when none is.
    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = &self.file {
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| TlsError::File {
                    path: path.clone(),
                    reason: error.to_string(),
                })?;
            roots.add_parsable_certificates(certificates);
        }
        if let Some(pem) = &self.pem {
            let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
                .collect::<Result<Vec<_>, _>>()
                .map_err(|_| TlsError::Authority)?;
            roots.add_parsable_certificates(certificates);
            if roots.is_empty() {
                return Err(TlsError::Authority);
            }
        }
        if roots.is_empty() {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Ok(roots)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The configuration of a link to a PBX: its certificate must chain to `authorities` and carry
/// the configured name.
///
/// # Errors
/// The authorities are not usable.
pub fn client_config(authorities: &Authorities) -> Result<ClientConfig, TlsError> {
    let provider = provider();
    let roots = Arc::new(authorities.roots()?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_webpki_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// The configuration of the HTTPS and WSS listener.
///
/// # Errors
/// Certificate and key do not fit.
pub fn server_config(identity: Identity) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    Ok(config)
}

/// The configuration of the SIP listener: asks for a certificate, and when one is shown it must
/// chain to `authorities`. A PBX that shows none is challenged by digest later.
///
/// # Errors
/// Certificate, key or authorities are not usable.
pub fn sip_server_config(
    identity: Identity,
    authorities: &[Authorities],
) -> Result<ServerConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities.iter().filter(|a| a.file.is_some() || a.pem.is_some()) {
        roots.roots.extend(authority.roots()?.roots);
    }
    let builder =
        ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = if roots.is_empty() {
        builder.with_no_client_auth()
    } else {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .allow_unauthenticated()
            // Names of authorities tell whose PBXs there are, and many do not fit a message.
            .clear_root_hint_subjects()
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        builder.with_client_cert_verifier(verifier)
    };
    Ok(builder.with_single_cert(identity.chain, identity.key)?)
}

/// Whether a client's certificate chains to `authorities` now.
#[must_use]
pub fn is_signed_by(
    leaf: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    authorities: &Authorities,
) -> bool {
    let Ok(roots) = authorities.roots() else { return false };
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    let now = rustls_pki_types::UnixTime::now();
    verifier.is_ok_and(|verifier| verifier.verify_client_cert(leaf, others, now).is_ok())
}

/// Whether a certificate carries `host` as a subject alternative name.
#[must_use]
pub fn names(leaf: &CertificateDer<'_>, host: &str) -> bool {
    let Ok(name) = ServerName::try_from(host) else { return false };
    let certificate = rustls::server::ParsedCertificate::try_from(leaf);
    certificate.is_ok_and(|parsed| rustls::client::verify_server_name(&parsed, &name).is_ok())
}

/// A failed TLS connection to a PBX in words that say what to do.
#[must_use]
pub fn explain_client_error(error: &io::Error, host: &str) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(reason)) => explain_certificate(reason, host),
        Some(rustls::Error::InvalidMessage(_)) => {
            format!("{host} does not speak TLS at this port; SIP over TLS is mostly at 5061")
        }
        Some(other) => format!("TLS with {host} failed: {other}"),
        None => format!("TLS with {host} failed: {error}"),
    }
}

fn explain_certificate(reason: &CertificateError, host: &str) -> String {
    match reason {
        CertificateError::UnknownIssuer => format!(
            "the certificate of {host} is signed by an authority this trunk does not trust; \
             give the trunk the PBX's CA (--ca, --trunk-ca, or `ca` in its section)"
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the certificate of the PBX does not carry the name {host}")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the certificate of {host} has expired")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("the certificate of {host} is not valid yet")
        }
        CertificateError::Other(error) if format!("{error:?}").contains("CaUsedAsEndEntity") => {
            format!(
                "the certificate of {host} is that of an authority (CA:TRUE) and not of a server; \
                 give the PBX one that is signed by it"
            )
        }
        other => format!("the certificate of {host} is not acceptable: {other}"),
    }
}
