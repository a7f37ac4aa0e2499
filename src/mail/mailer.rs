//! The queue's tasks: take what is due, ask for the settings, deliver, say what became of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, join_all};
use tokio::sync::Notify;

use super::deliver::Letter;
use super::error::MailError;
use super::letter::Mail;
use super::outbox::{Fate, Outbox, Waiting};
use super::recipient::Recipient;
use super::render::Templates;
use super::settings::SmtpSettings;
use crate::base::{Clock, limit};

/// Asks for the settings of now: `None` while mail is not set up. Opens the password, so it is
/// asked only when something is to be sent.
pub type SettingsSource =
    Arc<dyn Fn() -> BoxFuture<'static, Result<Option<SmtpSettings>, MailError>> + Send + Sync>;

/// Sends mail; clones share one queue. [`Mailer::run`] must run for anything to leave it.
#[derive(Clone)]
pub struct Mailer(Arc<Shared>);

struct Shared {
    clock: Clock,
    settings: SettingsSource,
    templates: Templates,
    outbox: Mutex<Outbox>,
    wake: Notify,
}

impl Mailer {
    /// A mailer with an empty queue.
    ///
    /// # Errors
    /// A template is broken, which the tests exclude.
    pub fn new(clock: Clock, settings: SettingsSource) -> Result<Self, MailError> {
        let shared = Shared {
            clock,
            settings,
            templates: Templates::new()?,
            outbox: Mutex::default(),
            wake: Notify::new(),
        };
        Ok(Self(Arc::new(shared)))
    }

    /// Puts a mail into the queue; it is written and sent later, and tried again when that fails.
    ///
    /// # Errors
    /// [`MailError::Full`].
    pub fn post(&self, to: Recipient, mail: Mail) -> Result<(), MailError> {
        self.outbox().push(self.0.clock.now(), to, mail)?;
        self.0.wake.notify_one();
        Ok(())
    }

    /// Sends one mail now by these settings and says how it went, for the button that tries them.
    ///
    /// # Errors
    /// It was not sent.
    pub async fn send_now(
        &self,
        settings: &SmtpSettings,
        to: &Recipient,
        mail: &Mail,
    ) -> Result<(), MailError> {
        let bodies = self.0.templates.render(mail)?;
        let letter = Letter::new(settings, to, mail, bodies, self.0.clock.unix())?;
        let is_encrypted = letter.deliver(settings).await?;
        let (kind, domain) = (mail.name(), to.domain());
        if is_encrypted {
            tracing::info!(mail = kind, domain, "mail sent");
        } else {
            tracing::warn!(
                code = "mail.cleartext",
                mail = kind,
                domain,
                host = settings.host,
                "mail sent in clear: the mail server offers no TLS"
            );
        }
        Ok(())
    }

    /// Sends what is due, again and again. Never ends; what still waits is lost when it is
    /// dropped.
    pub async fn run(self) {
        join_all((0..limit::MAIL_SENDERS).map(|_| self.send_forever())).await;
    }

    async fn send_forever(&self) {
        loop {
            let woken = self.0.wake.notified();
            self.send_due().await;
            let due = self.outbox().poll_timeout();
            match due {
                None => woken.await,
                Some(due) => {
                    let wait = due.saturating_duration_since(self.0.clock.now());
                    let _ = tokio::time::timeout(wait, woken).await;
                }
            }
        }
    }

    /// Tries every mail that is due now, one after the other.
    pub(super) async fn send_due(&self) {
        loop {
            let taken = self.outbox().take_due(self.0.clock.now());
            let Some(waiting) = taken else { return };
            match self.try_to_send(&waiting).await {
                Ok(()) => self.outbox().sent(),
                Err(error) => self.give_back(waiting, &error),
            }
        }
    }

    async fn try_to_send(&self, waiting: &Waiting) -> Result<(), MailError> {
        let settings = (self.0.settings)().await?.ok_or(MailError::NotConfigured)?;
        self.send_now(&settings, &waiting.to, &waiting.mail).await
    }

    fn give_back(&self, waiting: Waiting, error: &MailError) {
        let (kind, tries) = (waiting.mail.name(), waiting.tries);
        let domain = waiting.to.domain().to_owned();
        let mut chance = [0];
        // Without random bytes the pauses are merely not spread.
        let _ = aws_lc_rs::rand::fill(&mut chance);
        let [chance] = chance;
        let now = self.0.clock.now();
        let fate = self.outbox().failed(now, chance, error.is_transient(), waiting);
        let code = error.code();
        match fate {
            Fate::Again(pause) => {
                tracing::info!(
                    code,
                    mail = kind,
                    domain,
                    tries,
                    wait_s = pause.as_secs(),
                    "mail not sent, tried again later: {error}"
                );
            }
            Fate::Dropped => {
                tracing::warn!(code, mail = kind, domain, tries, "mail given up: {error}");
            }
        }
    }

    /// How many mails wait or are being sent.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.outbox().len()
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.0.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}
