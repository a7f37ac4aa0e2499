//! The sections of the file, one function each: names, types, ranges, defaults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::load::Surroundings;
use super::reader::Section;
use super::trunk_uri::is_host;
use super::value::{Limits, Log, LogFormat, Media, Numbers, Server, Sip, Tls};
use super::web_origin::WebOrigin;
use crate::base::limit;

pub(super) fn server(mut section: Section<'_>, around: &Surroundings) -> Server {
    let listen_tls = section.list::<SocketAddr>("listen_tls").map_or_else(
        || {
            section.note("listen_tls", "0.0.0.0:443", super::Origin::Default);
            vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 443))]
        },
        |taken| taken.value,
    );
    let listen_metrics = section.optional::<SocketAddr>("listen_metrics").and_then(|taken| {
        if taken.value.ip().is_unspecified() {
            let fix = "write 127.0.0.1 or the address of the monitoring network";
            let what = "metrics may not be open to every network".to_string();
            section.wrong("listen_metrics", &taken.origin, what, Some(fix.into()));
            return None;
        }
        Some(taken.value)
    });
    let public_host = host(&mut section, "public_host");
    let origins = section.list::<WebOrigin>("origins").map_or_else(Vec::new, |taken| taken.value);
    let data = around.path(&section.value("data", "/var/lib/ringfence".to_string()));
    section.finish();
    Server { listen_tls, listen_plain: None, listen_metrics, public_host, origins, data }
}

pub(super) fn tls(mut section: Section<'_>, around: &Surroundings) -> Option<Tls> {
    let cert = file(&mut section, "cert", around);
    let key = file(&mut section, "key", around);
    section.finish();
    Some(Tls { cert: cert?, key: key? })
}

pub(super) fn sip(mut section: Section<'_>, around: &Surroundings) -> Sip {
    let listen = section.list::<SocketAddr>("listen").map_or_else(Vec::new, |taken| taken.value);
    let ca = if section.has("ca") { file(&mut section, "ca", around) } else { known(&mut section) };
    let advertise = section.optional::<String>("advertise").and_then(|taken| {
        if is_host(&taken.value) {
            return Some(taken.value);
        }
        let what = "is not a name or an address".to_string();
        section.wrong("advertise", &taken.origin, what, None);
        None
    });
    section.finish();
    Sip { listen, ca, advertise }
}

/// Makes `ca` a known name although it is not there.
fn known(section: &mut Section<'_>) -> Option<PathBuf> {
    section.optional::<String>("ca").map(|taken| PathBuf::from(taken.value))
}

pub(super) fn media(mut section: Section<'_>) -> Media {
    let media = Media {
        bind: section.value("bind", IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        port: section.value("port", 50_000),
        workers: in_range(&mut section, "workers", 0, 0, 256),
        advertise: section.list::<IpAddr>("advertise").map_or_else(Vec::new, |taken| taken.value),
        trunk_port: section.value("trunk_port", 0),
    };
    if media.bind.is_unspecified() && media.advertise.is_empty() {
        let what = "browsers need to know where to send audio".to_string();
        let fix = "write advertise = [\"203.0.113.5\"], this server's public address";
        section.wrong("advertise", &super::Origin::Default, what, Some(fix.into()));
    }
    section.finish();
    media
}

pub(super) fn numbers(mut section: Section<'_>) -> Numbers {
    let mut number = |name: &'static str, default: &str| {
        let Some(taken) = section.optional::<String>(name) else {
            section.note(name, default, super::Origin::Default);
            return default.to_string();
        };
        let is_number = (1..=16).contains(&taken.value.len())
            && taken.value.bytes().all(|byte| byte.is_ascii_digit() || b"*#".contains(&byte));
        if !is_number {
            let what = "is 1 to 16 of the keys 0-9, * and #".to_string();
            section.wrong(name, &taken.origin, what, None);
        }
        taken.value
    };
    let numbers = Numbers {
        echo: number("echo", "*43"),
        tone: number("tone", "*44"),
        other_phone: number("other_phone", "*45"),
        read_back: number("read_back", "*46"),
    };
    let all: std::collections::BTreeSet<_> =
        numbers.list().iter().map(|built_in| built_in.number.to_string()).collect();
    if all.len() < numbers.list().len() {
        let what = "two built-in numbers are the same".to_string();
        section.wrong("echo", &section.origin().clone(), what, None);
    }
    section.finish();
    numbers
}

pub(super) fn limits(mut section: Section<'_>) -> Limits {
    let limits = Limits {
        calls: in_range(&mut section, "calls", 5_000, 1, limit::CALLS_MAX),
        phones: in_range(&mut section, "phones", 20_000, 1, limit::PHONES_MAX),
    };
    section.finish();
    limits
}

pub(super) fn log(mut section: Section<'_>) -> Log {
    let filter = section.value("filter", "info".to_string());
    let formats =
        [("auto", LogFormat::Auto), ("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];
    let format = section.choice("format", &formats, "auto").unwrap_or(LogFormat::Auto);
    section.finish();
    Log { filter, format }
}

fn in_range(
    section: &mut Section<'_>,
    name: &'static str,
    default: usize,
    min: usize,
    max: usize,
) -> usize {
    let Some(taken) = section.optional::<usize>(name) else {
        section.note(name, &default.to_string(), super::Origin::Default);
        return default;
    };
    if !(min..=max).contains(&taken.value) {
        let what = format!("`{}` is not from {min} to {max}", taken.value);
        section.wrong(name, &taken.origin, what, None);
    }
    taken.value
}

fn host(section: &mut Section<'_>, name: &'static str) -> String {
    let Some(taken) = section.optional::<String>(name) else {
        let fix = format!("write {name} = \"phones.example.com\" under [server]");
        section.wrong(name, &super::Origin::Default, "is missing".into(), Some(fix));
        return String::new();
    };
    if !is_host(&taken.value) {
        let what = "is not a host name: no scheme, no port, no path".to_string();
        section.wrong(name, &taken.origin, what, None);
    }
    taken.value.to_ascii_lowercase()
}

/// A file that must be there and readable.
fn file(section: &mut Section<'_>, name: &'static str, around: &Surroundings) -> Option<PathBuf> {
    let Some(taken) = section.optional::<String>(name) else {
        let fix = format!("write {name} = \"/etc/ringfence/{name}.pem\"");
        section.wrong(name, &super::Origin::Default, "is missing".into(), Some(fix));
        return None;
    };
    let path = around.path(&taken.value);
    match std::fs::File::open(&path) {
        Ok(_) => Some(path),
        Err(error) => {
            let what = format!("{} cannot be read: {error}", path.display());
            section.wrong(name, &taken.origin, what, None);
            None
        }
    }
}
