//! Where a password comes from: a file, a variable, standard input, or a prompt that does not echo.

use std::io::{BufRead, IsTerminal, Read, Write, stdin};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::args::PasswordFrom;
use super::failure::{Exit, Failure};
use crate::base::Secret;

const BYTES_MAX: u64 = 4096;

/// The password, or `None` with `--no-password`. `what` is whose, for the prompt.
pub(super) fn password(
    from: &PasswordFrom,
    what: &str,
    err: &mut dyn Write,
) -> Result<Option<Secret>, Failure> {
    if from.no_password {
        return Ok(None);
    }
    if let Some(path) = &from.password_file {
        return in_file(path, err).map(Some);
    }
    if let Some(name) = &from.password_env {
        return match std::env::var(name) {
            Ok(text) => one_line(&text, name).map(Some),
            Err(_) => Err(Failure::words(Exit::Usage, format!("the variable {name} is not set"))),
        };
    }
    if from.password_stdin || !stdin().is_terminal() {
        let mut line = String::new();
        stdin().lock().take(BYTES_MAX).read_line(&mut line)?;
        return one_line(&line, "standard input").map(Some);
    }
    prompt(what, err).map(Some)
}

fn in_file(path: &Path, err: &mut dyn Write) -> Result<Secret, Failure> {
    let shown = path.display().to_string();
    let failed = |error: std::io::Error| {
        Failure::words(Exit::Config, format!("{shown} cannot be read: {error}"))
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.permissions().mode() & 0o007 != 0 {
        writeln!(err, "warning: everybody can read {shown}: chmod 600 {shown}")?;
    }
    let mut text = String::new();
    file.take(BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    one_line(&text, &shown)
}

fn one_line(text: &str, place: &str) -> Result<Secret, Failure> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(Failure::words(Exit::Usage, format!("{place} does not hold one line")));
    }
    Ok(Secret::new(text))
}

fn prompt(what: &str, err: &mut dyn Write) -> Result<Secret, Failure> {
    let first = ask(&format!("Password of {what}: "), err)?;
    let second = ask("Once more: ", err)?;
    if first == second {
        Ok(first)
    } else {
        Err(Failure::words(Exit::Usage, "the two are not the same; nothing was changed"))
    }
}

fn ask(question: &str, err: &mut dyn Write) -> Result<Secret, Failure> {
    write!(err, "{question}")?;
    err.flush()?;
    one_line(&rpassword::read_password()?, "the answer")
}
