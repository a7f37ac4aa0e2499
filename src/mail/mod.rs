//! Mail to people: verification and reset links, codes, invitations, notices.
//!
//! Owns what is written ([`Mail`] and `templates/`), delivery by SMTP (RFC 5321, STARTTLS of
//! RFC 3207) and the queue before it. Does not know accounts, the database or who may be written
//! to; settings are asked for at every delivery, because an administrator may change them while
//! the server runs. Links and codes live in memory only and never reach a log.

mod deliver;
mod error;
mod letter;
mod mailer;
mod outbox;
mod recipient;
mod render;
mod settings;

#[cfg(test)]
mod tests;

pub use error::MailError;
pub use letter::{Inquiry, Mail};
pub use mailer::{Mailer, SettingsSource};
pub use recipient::{NotAnAddress, Recipient};
pub use settings::{MailTls, SmtpSettings};
