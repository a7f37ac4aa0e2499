//! From what access control wants said to the mail that says it.

use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;

use crate::access::connection::ConnectionError;
use crate::access::settings::SmtpTls;
use crate::access::{Access, Letter, Mailbox};
use crate::base::{Clock, Secret};
use crate::http::MailTest;
use crate::mail::{
    Inquiry, Mail, MailError, MailTls, Mailer, NotAnAddress, Recipient, SettingsSource,
    SmtpSettings,
};

/// Writes letters as mail, with links that lead to this server.
pub struct Post {
    mailer: Mailer,
    clock: Clock,
    /// `https://phones.example.com`, without a slash at the end.
    origin: String,
}

impl Post {
    /// Letters by `mailer`; links begin with `origin`.
    #[must_use]
    pub fn new(mailer: Mailer, clock: Clock, origin: String) -> Self {
        Self { mailer, clock, origin }
    }

    /// A link to a page that reads the key behind `#`, so that it reaches no server, proxy or log.
    fn link(&self, page: &str, key: &Secret) -> Secret {
        Secret::new(format!("{}/{page}#k={}", self.origin, key.expose()))
    }

    fn mail(&self, letter: Letter) -> Mail {
        match letter {
            Letter::VerifyEmail { key } => Mail::VerifyEmail { link: self.link("verify", &key) },
            Letter::ResetPassword { key } => Mail::ResetPassword { link: self.link("reset", &key) },
            Letter::SignInCode { code } => Mail::SignInCode { code },
            Letter::Invite { key, workspace, by } => {
                Mail::Invite { link: self.link("invite", &key), workspace, by }
            }
            Letter::SecondFactorReset => {
                Mail::SecondFactorReset { by: "an administrator".to_owned() }
            }
            Letter::PasswordChanged => Mail::PasswordChanged { at: self.clock.unix() },
            Letter::Inquiry { kind, name, email, wanted_at, words } => {
                Mail::Inquiry(Box::new(Inquiry {
                    topic: if kind == "demo" { "Demo" } else { "Contact" }.to_owned(),
                    name,
                    email,
                    company: String::new(),
                    message: words,
                    preferred_time: Some(wanted_at).filter(|when| !when.is_empty()),
                }))
            }
        }
    }
}

impl Mailbox for Post {
    fn post(&self, to: &str, letter: Letter) {
        let Ok(to) = to.parse::<Recipient>() else {
            tracing::warn!("a mail could not be addressed");
            return;
        };
        if let Err(error) = self.mailer.post(to, self.mail(letter)) {
            tracing::error!(%error, "a mail was not taken");
        }
    }
}

/// The button that tries the mail settings.
pub struct Trial {
    /// Whose settings.
    pub access: Arc<Access>,
    /// Sends it.
    pub mailer: Mailer,
}

impl MailTest for Trial {
    fn send<'a>(&'a self, to: &'a str) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let words = |error: &dyn std::fmt::Display| error.to_string();
            let to: Recipient = to.parse().map_err(|error: NotAnAddress| words(&error))?;
            let settings = read(&self.access).await.map_err(|error| words(&error))?;
            let settings = settings.ok_or_else(|| words(&MailError::NotConfigured))?;
            let sent = self.mailer.send_now(&settings, &to, &Mail::Test).await;
            sent.map_err(|error| words(&error))
        })
    }
}

/// Mail settings as they are when something is sent.
#[must_use]
pub fn smtp_settings(access: Arc<OnceLock<Arc<Access>>>) -> SettingsSource {
    Arc::new(move || {
        let access = access.get().cloned();
        Box::pin(async move {
            let Some(access) = access else { return Ok(None) };
            read(&access).await.map_err(|error| {
                tracing::error!(%error, "mail settings cannot be read");
                MailError::SettingsUnavailable
            })
        })
    })
}

async fn read(access: &Access) -> Result<Option<SmtpSettings>, ConnectionError> {
    let connections = access.connections();
    let Some((mail, has_password)) = connections.mail().await? else { return Ok(None) };
    let password = if has_password { connections.mail_password().await? } else { None };
    let policy = access.settings().installation();
    Ok(Some(SmtpSettings {
        host: mail.host,
        port: mail.port,
        credentials: mail.user.zip(password),
        from: mail.from,
        tls: match mail.tls.as_str() {
            "implicit" => MailTls::Implicit,
            "opportunistic" if policy.smtp_tls == SmtpTls::Opportunistic => MailTls::Opportunistic,
            _ => MailTls::Required,
        },
        ca_pem: mail.ca_pem,
        required_for_secrets: policy.smtp_required_for_secrets,
    }))
}
