//! The mail server.

use serde::{Deserialize, Serialize};

use super::{ConnectionError, Connections, Given, check};
use crate::access::principal::Actor;
use crate::base::Secret;
use crate::vault::SecretKind;

/// How mail is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailConnection {
    /// The server's name.
    pub host: String,
    /// 587, 465 or 25.
    pub port: u16,
    /// Its user, if it wants one.
    pub user: Option<String>,
    /// Our own address.
    pub from: String,
    /// `opportunistic`, `required` or `implicit`.
    pub tls: String,
    /// The authority of its certificate, PEM, when the system does not know it.
    pub ca_pem: Option<String>,
}

const KEY: &str = "connection.mail";
const NAME: &str = "mail";

impl Connections {
    /// The mail server and whether its password is known; `None` while there is none.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn mail(&self) -> Result<Option<(MailConnection, bool)>, ConnectionError> {
        let Some(mail) = self.read::<MailConnection>(KEY).await? else { return Ok(None) };
        let has_password = self.secrets.has(self.home().await?, SecretKind::Smtp, NAME).await?;
        Ok(Some((mail, has_password)))
    }

    /// Opens the mail server's password, to send something.
    ///
    /// # Errors
    /// The vault or the database failed.
    pub async fn mail_password(&self) -> Result<Option<Secret>, ConnectionError> {
        Ok(self.secrets.open(self.home().await?, SecretKind::Smtp, NAME, "mail").await?)
    }

    /// Sets the mail server; without a password the one before stays, unless it was for another
    /// server.
    ///
    /// # Errors
    /// A field is not allowed, or the vault or the database failed.
    pub async fn set_mail(
        &self,
        actor: &Actor,
        mail: &MailConnection,
        password: Option<&Secret>,
    ) -> Result<(), ConnectionError> {
        check("host", &mail.host)?;
        check("from", &mail.from)?;
        if let Some(user) = &mail.user {
            check("user", user)?;
        }
        if !mail.from.contains('@') {
            let why = "is a mail address, such as Ringfence <noreply@example.com>";
            return Err(ConnectionError::Field { field: "from", why });
        }
        if mail.port == 0 {
            return Err(ConnectionError::Field { field: "port", why: "is 1 to 65535" });
        }
        if !["opportunistic", "required", "implicit"].contains(&mail.tls.as_str()) {
            let why = "is opportunistic, required or implicit";
            return Err(ConnectionError::Field { field: "tls", why });
        }
        // A password is for the server it was given for: it must not be sent to another one.
        let moved = match self.mail().await? {
            Some((known, _)) => {
                let place = |of: &MailConnection| {
                    (of.host.clone(), of.port, of.user.clone(), of.tls.clone(), of.ca_pem.clone())
                };
                place(&known) != place(mail)
            }
            None => false,
        };
        let secret = match password {
            Some(password) => Given::New(password),
            None if moved => Given::Nothing,
            None => Given::Same,
        };
        self.write(actor, KEY, mail, (SecretKind::Smtp, NAME, secret)).await
    }
}
