//! Where mail is handed in.

use serde::{Deserialize, Serialize};

use crate::base::Secret;

/// Whether the connection to the mail server must be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// STARTTLS when the server offers it, else in clear with a warning (requirements B19).
    Opportunistic,
    /// STARTTLS or nothing.
    Required,
    /// TLS from the first byte (port 465).
    Implicit,
}

/// A mail server and how we appear to it.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    /// Its name, which its certificate must carry.
    pub host: String,
    /// 587, 465 or 25.
    pub port: u16,
    /// Name and password; sent over TLS only, whatever `tls` says.
    pub credentials: Option<(String, Secret)>,
    /// Our own address, `noreply@example.com` or `Example <noreply@example.com>`.
    pub from: String,
    /// Encryption.
    pub tls: MailTls,
    /// The authorities that may sign its certificate, in place of the system's.
    pub ca_pem: Option<String>,
    /// Whether codes and reset links are refused to a server without TLS (X12); on by default.
    pub required_for_secrets: bool,
}
