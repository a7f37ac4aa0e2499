//! `[[trunk]]`: a PBX or carrier, and where its password may be written.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use super::load::Surroundings;
use super::reader::{Section, Taken};
use super::report::Origin;
use super::tls_files::{self, reason};
use super::trunk_uri::TrunkUri;
use super::value::{CodecName, Trunk, TrunkMedia};
use crate::base::Secret;

const SECRET_BYTES_MAX: u64 = 4096;
const CA_BYTES_MAX: u64 = 256 * 1024;

pub(super) fn trunks(sections: Vec<Section<'_>>, around: &Surroundings) -> Vec<Trunk> {
    let mut names = BTreeSet::new();
    let mut trunks = Vec::new();
    for mut section in sections {
        let trunk = trunk(&mut section, around);
        if let Some(trunk) = trunk {
            if !names.insert(trunk.name.clone()) {
                let origin = section.origin().clone();
                section.wrong("name", &origin, "another trunk has this name".into(), None);
            }
            trunks.push(trunk);
        }
        section.finish();
    }
    trunks
}

/// Reads all settings before it gives up, so that every mistake is found.
fn trunk(section: &mut Section<'_>, around: &Surroundings) -> Option<Trunk> {
    let name = name(section);
    let uri = uri(section);
    let user = section.optional::<String>("user");
    let password = credentials(section, around, user.as_ref());
    let user = user.map(|taken| taken.value);
    let ca_pem = ca(section, around);
    let media = section.choice(
        "media",
        &[("srtp", TrunkMedia::Srtp), ("rtp", TrunkMedia::Rtp)],
        TrunkMedia::Srtp.as_str(),
    );
    let codecs = codecs(section);
    let register = section.value("register", user.is_some());
    let domain = section.optional::<String>("domain").map(|taken| taken.value);
    let origin = section.origin().clone();
    if register && user.is_none() {
        let fix = "write user = \"...\" and password_file = \"...\", or register = false";
        section.wrong("register", &origin, "needs a user".into(), Some(fix.into()));
    }
    let (name, uri, media) = (name?, uri?, media?);
    Some(Trunk { name, uri, user, password, ca_pem, media, codecs, register, domain })
}

fn name(section: &mut Section<'_>) -> Option<String> {
    let Some(taken) = section.optional::<String>("name") else {
        section.missing("name", "write name = \"office\"".into());
        return None;
    };
    if is_trunk_name(&taken.value) {
        return Some(taken.value);
    }
    let what = "is 1 to 40 letters, digits, - and _".to_string();
    section.wrong("name", &taken.origin, what, None);
    None
}

/// Whether a text may name a trunk, in logs, metrics and on the command line.
#[must_use]
pub fn is_trunk_name(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Not by `Section::optional`, whose mistakes show the text: somebody may have put a password in.
fn uri(section: &mut Section<'_>) -> Option<TrunkUri> {
    let fix = || "write uri = \"sips:pbx.example.com:5061\"".to_string();
    let Some((text, origin)) = section.unseen_text("uri") else {
        section.missing("uri", fix());
        return None;
    };
    match text.parse::<TrunkUri>() {
        Ok(uri) => {
            section.note("uri", &uri.to_string(), origin);
            Some(uri)
        }
        Err(error) => {
            section.wrong("uri", &origin, error.to_string(), Some(fix()));
            None
        }
    }
}

fn codecs(section: &mut Section<'_>) -> Vec<CodecName> {
    if let Some(taken) = section.list::<CodecName>("codecs") {
        return taken.value;
    }
    section.note("codecs", "opus, pcma, pcmu", Origin::Default);
    vec![CodecName::Opus, CodecName::Pcma, CodecName::Pcmu]
}

impl std::str::FromStr for CodecName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_name(text).ok_or("a codec is opus, pcma or pcmu")
    }
}

impl std::fmt::Display for CodecName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

fn ca(section: &mut Section<'_>, around: &Surroundings) -> Option<String> {
    let taken = section.optional::<String>("ca")?;
    match read_bounded(&around.path(&taken.value), CA_BYTES_MAX) {
        Ok(pem) if tls_files::has_authority(pem.as_bytes()) => Some(pem),
        Ok(_) => {
            section.wrong("ca", &taken.origin, "holds no PEM certificate".into(), None);
            None
        }
        Err(error) => {
            section.wrong("ca", &taken.origin, format!("cannot be read: {}", reason(&error)), None);
            None
        }
    }
}

/// The password, which goes with a user and a user with it.
fn credentials(
    section: &mut Section<'_>,
    around: &Surroundings,
    user: Option<&Taken<String>>,
) -> Option<Secret> {
    let written =
        ["password", "password_file", "password_env"].into_iter().find(|name| section.has(name));
    let password = password(section, around);
    match (user, written) {
        (Some(user), None) => {
            section.wrong("user", &user.origin, "needs a password".into(), Some(FIX.into()));
        }
        (None, Some(name)) => {
            let origin = section.origin_of(name);
            section.wrong(name, &origin, "needs a user: write user = \"...\"".into(), None);
        }
        _ => {}
    }
    password
}

const FIX: &str = "write password_file = \"/etc/ringfence/trunk.password\" or \
                   password_env = \"PBX_PASSWORD\"";

fn password(section: &mut Section<'_>, around: &Surroundings) -> Option<Secret> {
    let literal = section.unseen_text("password");
    let by_file = section.optional::<String>("password_file");
    let by_variable = section.optional::<String>("password_env");
    match (literal, by_file, by_variable) {
        (Some((text, origin @ Origin::Environment(_))), _, _) => {
            section.note("password", "***", origin);
            Some(Secret::new(text))
        }
        (Some((_, origin)), _, _) => {
            let what = "a password may not be written here".to_string();
            section.wrong("password", &origin, what, Some(FIX.into()));
            None
        }
        (None, Some(_), Some(second)) => {
            let what = "a file gives the password already".to_string();
            section.wrong("password_env", &second.origin, what, None);
            None
        }
        (None, Some(file), None) => match read_secret(&around.path(&file.value)) {
            Ok(secret) => {
                section.note("password", "***", file.origin);
                Some(secret)
            }
            Err(what) => {
                section.wrong("password_file", &file.origin, what, None);
                None
            }
        },
        (None, None, Some(variable)) => match around.variable(&variable.value) {
            Some(text) if !text.is_empty() => {
                section.note("password", "***", variable.origin);
                Some(Secret::new(text))
            }
            _ => {
                let what = format!("the variable {} is not set", variable.value);
                section.wrong("password_env", &variable.origin, what, None);
                None
            }
        },
        (None, None, None) => None,
    }
}

/// Reads a secret's file: one line, for nobody else to read.
pub(super) fn read_secret(path: &Path) -> Result<Secret, String> {
    let shown = path.display();
    tls_files::check_private(path)?;
    let text = read_bounded(path, SECRET_BYTES_MAX)
        .map_err(|error| format!("{shown} cannot be read: {}", reason(&error)))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(format!("{shown} does not hold one line"));
    }
    Ok(Secret::new(text))
}

fn read_bounded(path: &Path, bytes_max: u64) -> std::io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(bytes_max + 1).read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read <= bytes_max) {
        Ok(text)
    } else {
        Err(std::io::Error::other("the file is too large"))
    }
}
