//! Why a mail was not sent.

/// Why a mail was not sent. No recipient and no secret in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// Too many wait already.
    #[error("too many mails wait to be sent; try again later")]
    Full,
    /// Nobody set up mail.
    #[error("no mail server is configured; add one under Settings, Mail")]
    NotConfigured,
    /// The settings cannot be read now.
    #[error("the mail settings cannot be read")]
    SettingsUnavailable,
    /// A member of the settings makes no sense.
    #[error("the mail setting `{field}` is not usable")]
    Setting {
        /// Which.
        field: &'static str,
    },
    /// The server has no STARTTLS and the mail may not go in clear.
    #[error("the mail server offers no TLS, and this mail must not be sent in clear")]
    Cleartext,
    /// TLS failed: mostly a certificate of another name or of an authority nobody knows here.
    #[error(
        "the mail server's certificate is not trusted; its authority goes into the mail settings"
    )]
    Untrusted,
    /// No answer in time.
    #[error("the mail server does not answer")]
    Timeout,
    /// It does not know the user, or the password is another.
    #[error("the mail server refused user name or password (status {status})")]
    Credentials {
        /// The SMTP status.
        status: u16,
    },
    /// There is no connection.
    #[error("the mail server cannot be reached: {why}")]
    Unreachable {
        /// In words.
        why: &'static str,
    },
    /// The server's refusal, with its status code, or an end in the middle.
    #[error("the mail server refused the mail{}", status_text(*status))]
    Smtp {
        /// The SMTP status, where it came to one.
        status: Option<u16>,
        /// Whether trying again may help.
        is_transient: bool,
    },
    /// The mail could not be written.
    #[error("the mail could not be written")]
    Letter,
}

fn status_text(status: Option<u16>) -> String {
    status.map(|status| format!(" (status {status})")).unwrap_or_default()
}

impl MailError {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full => "mail_queue_full",
            Self::NotConfigured => "mail_not_configured",
            Self::SettingsUnavailable => "mail_settings_unavailable",
            Self::Setting { .. } => "mail_setting",
            Self::Cleartext => "mail_cleartext_refused",
            Self::Untrusted => "mail_untrusted",
            Self::Timeout => "mail_timeout",
            Self::Credentials { .. } => "mail_credentials",
            Self::Unreachable { .. } => "mail_unreachable",
            Self::Smtp { .. } => "mail_smtp",
            Self::Letter => "mail_letter",
        }
    }

    /// Whether trying again later may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Smtp { is_transient, .. } => *is_transient,
            Self::Timeout | Self::Unreachable { .. } | Self::SettingsUnavailable => true,
            Self::Full
            | Self::NotConfigured
            | Self::Setting { .. }
            | Self::Cleartext
            | Self::Untrusted
            | Self::Credentials { .. }
            | Self::Letter => false,
        }
    }
}

impl From<lettre::transport::smtp::Error> for MailError {
    /// The server's words are left out: they often repeat the recipient's address.
    fn from(error: lettre::transport::smtp::Error) -> Self {
        if error.is_tls() || is_of_tls(&error) {
            return Self::Untrusted;
        }
        if let Some(why) = unreachable(&error) {
            return Self::Unreachable { why };
        }
        let status = error.status().map(u16::from);
        if let Some(status @ (530 | 534 | 535 | 538)) = status {
            return Self::Credentials { status };
        }
        let is_setting = error.is_client();
        Self::Smtp { status, is_transient: !error.is_permanent() && !is_setting }
    }
}

/// Why there is no connection, if that is what it is.
fn unreachable(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    use std::io::ErrorKind;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return match io.kind() {
                ErrorKind::ConnectionRefused => Some("nothing listens there; check host and port"),
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                    Some("there is no way to its address")
                }
                ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => {
                    Some("it closed the connection; check port and kind of TLS")
                }
                // What a failed look-up of a name is to the standard library.
                _ if io.to_string().starts_with("failed to lookup address") => {
                    Some("its name is not known; check the host")
                }
                _ => None,
            };
        }
        next = error.source();
    }
    None
}

/// Whether TLS is at the bottom of it: rustls' errors travel inside those of the connection.
fn is_of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if inside.is_some_and(|inside| inside.is::<rustls::Error>()) {
            return true;
        }
        next = error.source();
    }
    false
}
