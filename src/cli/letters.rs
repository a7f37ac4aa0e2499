//! What would be mailed: the server mails, a command does not, so it says so and shows the link.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use super::failure::Failure;
use super::place::Data;
use crate::access::{Letter, Mailbox};

/// Letters that a command caused, none of them sent.
#[derive(Default)]
pub(super) struct Letters {
    letters: Mutex<Vec<(String, Letter)>>,
}

/// No command causes more.
const LETTERS_MAX: usize = 16;

impl Mailbox for Letters {
    fn post(&self, to: &str, letter: Letter) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        if letters.len() < LETTERS_MAX {
            letters.push((to.to_owned(), letter));
        }
    }
}

impl Letters {
    /// Takes what came.
    pub(super) fn take(&self) -> Vec<(String, Letter)> {
        std::mem::take(&mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Says what was not mailed, and to whom it should be told.
pub(super) fn tell_unsent(data: &Data, err: &mut dyn Write) -> Result<(), Failure> {
    for (to, letter) in data.letters.take() {
        let words = match letter {
            Letter::VerifyEmail { key } => {
                let link = data.link("verify", &key);
                format!("a command sends no mail; {to} is verified by opening {link}")
            }
            Letter::ResetPassword { .. } | Letter::SignInCode { .. } | Letter::Invite { .. } => {
                format!("a command sends no mail; {to} got none")
            }
            Letter::SecondFactorReset | Letter::PasswordChanged => {
                format!("a command sends no mail; tell {to} yourself")
            }
            Letter::Inquiry { .. } => continue,
        };
        writeln!(err, "note: {words}")?;
    }
    Ok(())
}
