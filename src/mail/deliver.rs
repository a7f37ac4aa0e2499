//! One delivery over SMTP.

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use std::time::{Duration, UNIX_EPOCH};

use super::error::MailError;
use super::letter::Mail;
use super::recipient::Recipient;
use super::render::Bodies;
use super::settings::{MailTls, SmtpSettings};
use crate::base::{UnixTime, limit};

/// A mail written out.
pub(super) struct Letter {
    message: lettre::Message,
    hello: ClientId,
    is_secret: bool,
}

impl Letter {
    pub(super) fn new(
        settings: &SmtpSettings,
        to: &Recipient,
        mail: &Mail,
        bodies: Bodies,
        now: UnixTime,
    ) -> Result<Self, MailError> {
        let from: Mailbox =
            settings.from.parse().map_err(|_| MailError::Setting { field: "from" })?;
        let domain = from.email.domain().to_owned();
        let id = uuid::Uuid::new_v4().simple();
        let mut builder = lettre::Message::builder()
            .from(from)
            .to(Mailbox::new(None, to.0.clone()))
            .subject(mail.subject())
            .message_id(Some(format!("<{id}@{domain}>")))
            .date(UNIX_EPOCH + Duration::from_secs(now.0))
            .header(AutoSubmitted);
        if let Mail::Inquiry(inquiry) = mail
            && let Ok(asker) = inquiry.email.parse::<Recipient>()
        {
            builder = builder.reply_to(Mailbox::new(None, asker.0));
        }
        let message = builder
            .multipart(MultiPart::alternative_plain_html(bodies.text, bodies.html))
            .map_err(|_| MailError::Letter)?;
        Ok(Self { message, hello: ClientId::Domain(domain), is_secret: mail.is_secret() })
    }

    /// Hands it in; whether over TLS.
    pub(super) async fn deliver(&self, settings: &SmtpSettings) -> Result<bool, MailError> {
        let delivery = Box::pin(self.deliver_slowly(settings));
        tokio::time::timeout(limit::MAIL_TIMEOUT, delivery).await.unwrap_or(Err(MailError::Timeout))
    }

    async fn deliver_slowly(&self, settings: &SmtpSettings) -> Result<bool, MailError> {
        let mut connection = self.connect(settings).await?;
        let is_encrypted = connection.is_encrypted();
        // A password is a secret of ours and goes over TLS or not at all (A19).
        let is_mail_refused = self.is_secret && settings.required_for_secrets;
        if !is_encrypted && (is_mail_refused || settings.credentials.is_some()) {
            connection.abort().await;
            return Err(MailError::Cleartext);
        }
        if let Some((name, password)) = &settings.credentials {
            let credentials = Credentials::new(name.clone(), password.expose().to_owned());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await?;
        }
        connection.send(self.message.envelope(), &self.message.formatted()).await?;
        // It is accepted; how the connection ends changes nothing.
        let _ = connection.quit().await;
        Ok(is_encrypted)
    }

    async fn connect(&self, settings: &SmtpSettings) -> Result<AsyncSmtpConnection, MailError> {
        if !crate::config::is_host(&settings.host) {
            return Err(MailError::Setting { field: "host" });
        }
        let tls = tls_parameters(settings)?;
        let (at_once, later) = match settings.tls {
            MailTls::Implicit => (Some(tls), None),
            MailTls::Opportunistic | MailTls::Required => (None, Some(tls)),
        };
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            (settings.host.as_str(), settings.port),
            Some(limit::MAIL_TIMEOUT),
            &self.hello,
            at_once,
            None,
        )
        .await?;
        if let Some(tls) = later {
            if connection.can_starttls() {
                // Offered and then failed is an error: falling back would please an attacker.
                connection.starttls(tls, &self.hello).await?;
            } else if settings.tls == MailTls::Required {
                connection.abort().await;
                return Err(MailError::Cleartext);
            }
        }
        Ok(connection)
    }
}

fn tls_parameters(settings: &SmtpSettings) -> Result<TlsParameters, MailError> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.ca_pem {
        let bad = |_| MailError::Setting { field: "ca_pem" };
        let certificate = Certificate::from_pem(pem.as_bytes()).map_err(bad)?;
        builder =
            builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|_| MailError::Setting { field: "host" })
}

/// `Auto-Submitted: auto-generated` (RFC 3834): no out-of-office answers to our mails.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
