//! Where a password comes from: a file, a variable, standard input, or a prompt that does not echo.

use std::io::{BufRead, IsTerminal, Read, Write, stdin};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::args::PasswordFrom;
use super::failure::{Exit, Failure};
use crate::base::Secret;

const BYTES_MAX: u64 = 4096;
/// A root key that is not written as text.
const ROOT_KEY_BYTES: usize = 32;

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

/// The root key as text, of a file (which may hold its 32 bytes) or of standard input.
pub(super) fn root_key(file: Option<&Path>, err: &mut dyn Write) -> Result<Secret, Failure> {
    let (place, bytes) = match file {
        Some(path) => (path.display().to_string(), read_file(path, err)?),
        None => {
            let mut bytes = Zeroizing::new(Vec::new());
            stdin().lock().take(BYTES_MAX).read_to_end(&mut bytes)?;
            ("standard input".to_owned(), bytes)
        }
    };
    if bytes.len() == ROOT_KEY_BYTES {
        return Ok(Secret::new(STANDARD.encode(bytes.as_slice())));
    }
    let text = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
    if text.is_empty() {
        return Err(Failure::words(Exit::Usage, format!("{place} holds no root key")));
    }
    Ok(Secret::new(text))
}

fn in_file(path: &Path, err: &mut dyn Write) -> Result<Secret, Failure> {
    let bytes = read_file(path, err)?;
    let shown = path.display().to_string();
    match std::str::from_utf8(&bytes) {
        Ok(text) => one_line(text, &shown),
        Err(_) => Err(Failure::words(Exit::Config, format!("{shown} holds no text"))),
    }
}

/// The beginning of a file, after a word about others who can read it.
fn read_file(path: &Path, err: &mut dyn Write) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let shown = path.display().to_string();
    let failed = |error: std::io::Error| {
        Failure::words(Exit::Config, format!("{shown} cannot be read: {error}"))
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.permissions().mode() & 0o007 != 0 {
        writeln!(err, "warning: everybody can read {shown}: chmod 600 {shown}")?;
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
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
