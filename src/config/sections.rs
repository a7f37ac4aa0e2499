//! The sections of the file, one function each: names, types, ranges, defaults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

use super::load::Surroundings;
use super::reader::{Section, Taken};
use super::report::Origin;
use super::tls_files::{self, reason};
use super::trunk::read_secret;
use super::trunk_uri::is_host;
use super::value::{
    Limits, Log, LogFormat, Media, Numbers, Outbound, Server, Sip, Tls, VaultStart,
};
use super::web_origin::WebOrigin;
use crate::base::{Secret, limit};

pub(super) fn server(mut section: Section<'_>, around: &Surroundings) -> Server {
    let listen_tls = listen_tls(&mut section);
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
    let listen_redirect =
        section.list::<SocketAddr>("listen_redirect").map_or_else(Vec::new, |taken| taken.value);
    let trusted_proxies =
        section.list::<IpNet>("trusted_proxies").map_or_else(Vec::new, |taken| taken.value);
    let data = data(&mut section, around);
    section.finish();
    Server {
        listen_tls,
        listen_redirect,
        trusted_proxies,
        listen_plain: None,
        listen_metrics,
        public_host,
        origins,
        data,
    }
}

/// `[database]`: a PostgreSQL server, whose URL holds a password and is therefore never written here.
pub(super) fn database(mut section: Section<'_>, around: &Surroundings) -> Option<Secret> {
    let literal = section.unseen_text("url");
    let by_file = section.optional::<String>("url_file");
    let url = match (literal, by_file) {
        (Some((text, origin @ Origin::Environment(_))), _) => {
            section.note("url", "***", origin);
            Some(Secret::new(text))
        }
        (Some((_, origin)), _) => {
            let what = "a URL with a password may not be written here".to_string();
            let fix = "write url_file = \"/etc/ringfence/database.url\" or set \
                       RINGFENCE__DATABASE__URL";
            section.wrong("url", &origin, what, Some(fix.into()));
            None
        }
        (None, Some(file)) => match read_secret(&around.path(&file.value)) {
            Ok(url) => {
                section.note("url", "***", file.origin);
                Some(url)
            }
            Err(what) => {
                section.wrong("url_file", &file.origin, what, None);
                None
            }
        },
        (None, None) => None,
    };
    section.finish();
    url
}

/// `[vault]`.
pub(super) fn vault(mut section: Section<'_>, around: &Surroundings) -> VaultStart {
    let key_file = section.text("key_file").map(|taken| around.path(&taken.value));
    let allow_env_key = section.value("allow_env_key", false);
    let starts = [("open", false), ("sealed", true)];
    let sealed = section.choice("start", &starts, "open").unwrap_or(false);
    section.finish();
    VaultStart { key_file, allow_env_key, sealed }
}

/// `[outbound]`.
pub(super) fn outbound(mut section: Section<'_>, around: &Surroundings) -> Outbound {
    let allow = section.list::<IpNet>("allow").map_or_else(Vec::new, |taken| taken.value);
    let ca = if section.has("ca") {
        file(&mut section, "ca", around).map(|taken| taken.value)
    } else {
        known(&mut section).map(|taken| taken.value)
    };
    let origins = section.list::<WebOrigin>("origins").map_or_else(Vec::new, |taken| taken.value);
    section.finish();
    Outbound { allow, origins, ca }
}

fn listen_tls(section: &mut Section<'_>) -> Vec<SocketAddr> {
    let Some(taken) = section.list::<SocketAddr>("listen_tls") else {
        section.note("listen_tls", "0.0.0.0:443", Origin::Default);
        return vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 443))];
    };
    if taken.value.is_empty() && !section.is_refused("listen_tls") {
        let fix = "write listen_tls = [\"0.0.0.0:443\"]".to_string();
        section.wrong("listen_tls", &taken.origin, "is empty".into(), Some(fix));
    }
    taken.value
}

fn data(section: &mut Section<'_>, around: &Surroundings) -> PathBuf {
    const DEFAULT: &str = "/var/lib/ringfence";
    let Some(taken) = section.text("data") else {
        section.note("data", DEFAULT, Origin::Default);
        return PathBuf::from(DEFAULT);
    };
    // A flag's path is taken from where the command was typed.
    let path = match taken.origin {
        Origin::Flag(_) => PathBuf::from(&taken.value),
        _ => around.path(&taken.value),
    };
    if taken.value.is_empty() {
        section.wrong("data", &taken.origin, "is empty".into(), None);
    } else if path.exists() && !path.is_dir() {
        let what = format!("{} is not a folder", path.display());
        section.wrong("data", &taken.origin, what, None);
    }
    path
}

pub(super) fn tls(mut section: Section<'_>, around: &Surroundings) -> Option<Tls> {
    let cert = file(&mut section, "cert", around);
    let key = file(&mut section, "key", around);
    if let Some(key) = &key
        && let Err(what) = tls_files::check_private(&key.value)
    {
        section.wrong("key", &key.origin, what, None);
    }
    if let (Some(cert), Some(key)) = (&cert, &key)
        && let Err((name, what)) = tls_files::check_pair(&cert.value, &key.value)
    {
        let origin = if name == "cert" { &cert.origin } else { &key.origin };
        section.wrong(name, origin, what, None);
    }
    section.finish();
    Some(Tls { cert: cert?.value, key: key?.value })
}

pub(super) fn sip(mut section: Section<'_>, around: &Surroundings) -> Sip {
    let listen = section.list::<SocketAddr>("listen").map_or_else(Vec::new, |taken| taken.value);
    let ca = if section.has("ca") { file(&mut section, "ca", around) } else { known(&mut section) };
    let ca = ca.map(|taken| {
        let has_authority = |pem: Vec<u8>| tls_files::has_authority(&pem);
        if !std::fs::read(&taken.value).is_ok_and(has_authority) {
            let what = format!("{} holds no PEM certificate", taken.value.display());
            section.wrong("ca", &taken.origin, what, None);
        }
        taken.value
    });
    let advertise = section.optional::<String>("advertise").and_then(|taken| {
        if is_host(&taken.value) && !taken.value.parse().is_ok_and(|ip| !is_reachable(ip)) {
            return Some(taken.value);
        }
        let what = "is not a name or an address PBXs can send to".to_string();
        section.wrong("advertise", &taken.origin, what, None);
        None
    });
    section.finish();
    Sip { listen, ca, advertise }
}

/// Makes `ca` a known name although it is not there.
fn known(section: &mut Section<'_>) -> Option<Taken<PathBuf>> {
    let taken = section.optional::<String>("ca")?;
    Some(Taken { value: PathBuf::from(taken.value), origin: taken.origin })
}

/// Whether anybody can send to an address.
fn is_reachable(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_multicast() && ip != IpAddr::V4(Ipv4Addr::BROADCAST)
}

pub(super) fn media(mut section: Section<'_>) -> Media {
    let advertise = advertise(&mut section);
    let media = Media {
        bind: section.value("bind", IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        port: section.value("port", 50_000),
        workers: in_range(&mut section, "workers", 0, 0, 256),
        advertise,
        trunk_port: section.value("trunk_port", 0),
    };
    if media.bind.is_multicast() {
        let origin = section.origin_of("bind");
        section.wrong("bind", &origin, "is no address of a machine".into(), None);
    }
    ports_suffice(&section, &media);
    let is_told = section.is_refused("advertise");
    if media.bind.is_unspecified() && media.advertise.is_empty() && !is_told {
        let what = "browsers need to know where to send audio".to_string();
        let fix = "write advertise = [\"203.0.113.5\"], this server's public address";
        section.wrong("advertise", &Origin::Default, what, Some(fix.into()));
    }
    section.finish();
    media
}

fn advertise(section: &mut Section<'_>) -> Vec<IpAddr> {
    let Some(taken) = section.list::<IpAddr>("advertise") else { return Vec::new() };
    for ip in taken.value.iter().filter(|ip| !is_reachable(**ip)) {
        let what = format!("{ip} is no address browsers can send to");
        let fix = "write this server's public address, as in [\"203.0.113.5\"]".to_string();
        section.wrong("advertise", &taken.origin, what, Some(fix));
    }
    taken.value
}

/// Each worker has one port towards browsers and a fixed number of pairs towards PBXs.
fn ports_suffice(section: &Section<'_>, media: &Media) {
    let workers = match media.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    for (name, first, count) in [
        ("port", media.port, workers),
        (
            "trunk_port",
            media.trunk_port,
            workers * usize::from(limit::TRUNK_SOCKETS_PER_WORKER) * 2,
        ),
    ] {
        if first != 0 && usize::from(first) + count > usize::from(u16::MAX) + 1 {
            let what = format!("{workers} workers need {count} ports from here, up to 65535");
            let fix = format!("write {} or less, or fewer workers", (1 << 16) - count.min(65_535));
            section.wrong(name, &section.origin_of(name), what, Some(fix));
        }
    }
}

pub(super) fn numbers(mut section: Section<'_>) -> Numbers {
    let mut number = |name: &'static str, default: &str| {
        let Some(taken) = section.optional::<String>(name) else {
            section.note(name, default, Origin::Default);
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
    let filter = filter(&mut section);
    let formats =
        [("auto", LogFormat::Auto), ("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];
    let format = section.choice("format", &formats, "auto").unwrap_or(LogFormat::Auto);
    section.finish();
    Log { filter, format }
}

fn filter(section: &mut Section<'_>) -> String {
    const DEFAULT: &str = "info";
    let Some(taken) = section.text("filter") else {
        section.note("filter", DEFAULT, Origin::Default);
        return DEFAULT.into();
    };
    if EnvFilter::try_new(&taken.value).is_err() {
        let fix = "write `info` or `info,ringfence::engine=debug`".to_string();
        section.wrong("filter", &taken.origin, "is not a log filter".into(), Some(fix));
    }
    taken.value
}

fn in_range(
    section: &mut Section<'_>,
    name: &'static str,
    default: usize,
    min: usize,
    max: usize,
) -> usize {
    let Some(taken) = section.optional::<usize>(name) else {
        section.note(name, &default.to_string(), Origin::Default);
        return default;
    };
    if !(min..=max).contains(&taken.value) {
        let what = format!("`{}` is not from {min} to {max}", taken.value);
        section.wrong(name, &taken.origin, what, None);
    }
    taken.value
}

fn host(section: &mut Section<'_>, name: &'static str) -> String {
    let Some(taken) = section.text(name) else {
        if !section.is_refused(name) {
            section.missing(name, format!("write {name} = \"phones.example.com\" under [server]"));
        }
        return String::new();
    };
    if !is_host(&taken.value) {
        let what = "is not a host name: no scheme, no port, no path".to_string();
        section.wrong(name, &taken.origin, what, None);
    }
    taken.value.to_ascii_lowercase()
}

/// A file that must be there and readable.
fn file(
    section: &mut Section<'_>,
    name: &'static str,
    around: &Surroundings,
) -> Option<Taken<PathBuf>> {
    let Some(Taken { value, origin }) = section.text(name) else {
        if !section.is_refused(name) {
            section.missing(name, format!("write {name} = \"/etc/ringfence/{name}.pem\""));
        }
        return None;
    };
    let path = around.path(&value);
    match std::fs::File::open(&path) {
        Ok(_) => Some(Taken { value: path, origin }),
        Err(error) => {
            let what = format!("{} cannot be read: {}", path.display(), reason(&error));
            section.wrong(name, &origin, what, None);
            None
        }
    }
}
