//! Layers to value: `ringfence serve` and `ringfence config check`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::reader::{Findings, Section};
use super::report::{ConfigErrors, Mistake, Origin};
use super::sections;
use super::tls_files::reason;
use super::tree::{self, Node, Table, Value};
use super::trunk;
use super::value::{Config, Mode};

/// The flags of `ringfence serve`; they win over everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServeFlags {
    /// `--listen-tls`.
    pub listen_tls: Vec<SocketAddr>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--log`.
    pub log: Option<String>,
}

/// A configuration file longer than this is none, bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

impl Config {
    /// Reads the file (if one is given), puts `environment` and `flags` over it and checks it all.
    ///
    /// # Errors
    /// Every mistake found, with where it was written.
    pub fn load(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &ServeFlags,
    ) -> Result<Self, ConfigErrors> {
        let text = match path {
            Some(path) => read_file(path)?,
            None => String::new(),
        };
        Self::from_layers(path, &text, environment, flags)
    }

    /// The same without touching the file itself; files it names are still read.
    ///
    /// # Errors
    /// Every mistake found, with where it was written.
    pub fn from_layers(
        path: Option<&Path>,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &ServeFlags,
    ) -> Result<Self, ConfigErrors> {
        let mut mistakes = Vec::new();
        let shown_path = path.unwrap_or(Path::new("ringfence.toml"));
        let environment: Vec<(String, String)> = environment.into_iter().collect();
        let mut root = tree::from_toml(shown_path, text, &mut mistakes);
        tree::put_environment(&mut root, environment.iter().cloned(), &mut mistakes);
        put_flags(&mut root, flags);
        let around = Surroundings {
            folder: shown_path.parent().unwrap_or(Path::new("")).to_path_buf(),
            environment,
        };
        let findings = Findings::default();
        findings.mistakes.borrow_mut().extend(mistakes);
        let mut config = read(root, &around, &findings);
        let mut mistakes = findings.mistakes.into_inner();
        mistakes.sort_by_key(|mistake| line_of(&mistake.origin));
        config.settings = findings.settings.into_inner();
        if mistakes.is_empty() { Ok(config) } else { Err(ConfigErrors(mistakes)) }
    }
}

/// What a setting may refer to: files beside the configuration and variables.
pub(super) struct Surroundings {
    pub(super) folder: PathBuf,
    pub(super) environment: Vec<(String, String)>,
}

impl Surroundings {
    /// A path as written, taken from the configuration's folder when relative.
    pub(super) fn path(&self, written: &str) -> PathBuf {
        self.folder.join(written)
    }

    /// A variable's value.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn read(root: Table, around: &Surroundings, findings: &Findings) -> Config {
    let mut root = Section::root(root, findings);
    let server = sections::server(root.section("server"), around);
    let tls = sections::tls(root.section("tls"), around);
    let sip = sections::sip(root.section("sip"), around);
    let media = sections::media(root.section("media"));
    let database = sections::database(root.section("database"), around);
    let vault = sections::vault(root.section("vault"), around);
    let outbound = sections::outbound(root.section("outbound"), around);
    let trunks = trunk::trunks(root.sections("trunk"), around);
    let numbers = sections::numbers(root.section("numbers"));
    let limits = sections::limits(root.section("limits"));
    let log = sections::log(root.section("log"));
    root.finish();
    let mode = Mode::Production;
    let settings = Vec::new();
    Config {
        mode,
        server,
        tls,
        sip,
        media,
        database,
        vault,
        outbound,
        trunks,
        numbers,
        limits,
        log,
        settings,
    }
}

fn read_file(path: &Path) -> Result<String, ConfigErrors> {
    let failed = |what: String, fix: Option<&str>| {
        let origin = Origin::File { path: path.to_path_buf(), line: 0 };
        let fix = fix.map(str::to_string);
        ConfigErrors(vec![Mistake { origin, key: String::new(), what, fix }])
    };
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => failed(
            "there is no such file".into(),
            Some(
                "give another with --config FILE; README.md, \"Run it for real\", has one to copy",
            ),
        ),
        _ => failed(format!("cannot be read: {}", reason(&error)), None),
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > FILE_BYTES_MAX {
        return Err(failed("is larger than 1 MiB".into(), None));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

fn put_flags(root: &mut Table, flags: &ServeFlags) {
    let mut put = |section: &str, key: &str, flag: &'static str, text: String| {
        let node = Node { origin: Origin::Flag(flag), value: Value::Text(text) };
        tree::put(root, &[section.into(), key.into()], node);
    };
    if !flags.listen_tls.is_empty() {
        let list: Vec<_> = flags.listen_tls.iter().map(ToString::to_string).collect();
        put("server", "listen_tls", "--listen-tls", list.join(","));
    }
    if let Some(data) = &flags.data {
        put("server", "data", "--data", data.display().to_string());
    }
    if let Some(filter) = &flags.log {
        put("log", "filter", "--log", filter.clone());
    }
}

fn line_of(origin: &Origin) -> usize {
    match origin {
        Origin::File { line, .. } => *line,
        Origin::Default | Origin::Environment(_) | Origin::Flag(_) => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CodecName, TrunkMedia};

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let own = rcgen::generate_simple_self_signed(["a.example".to_string()]).unwrap();
        let (cert, key) = (own.cert.pem(), own.signing_key.serialize_pem());
        for (name, text) in [("cert.pem", &*cert), ("key.pem", &*key), ("pw", "from-the-file\n")] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        folder
    }

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
        let folder = folder();
        let path = folder.path().join("ringfence.toml");
        std::fs::write(&path, text).unwrap();
        let environment = environment.iter().map(|(k, v)| ((*k).to_string(), (*v).to_string()));
        Config::load(Some(&path), environment, &ServeFlags::default())
    }

    const GOOD: &str = r#"
[server]
listen_tls = ["127.0.0.1:8443"]
public_host = "phones.example.com"
origins = ["https://crm.example.com"]
data = "data"
[tls]
cert = "cert.pem"
key = "key.pem"
[media]
advertise = ["127.0.0.1"]
[[trunk]]
name = "office"
uri = "sips:pbx.example.com:5061"
user = "ringfence"
password_file = "pw"
media = "rtp"
codecs = ["pcma", "opus"]
"#;

    #[test]
    fn a_good_file_gives_a_value_and_says_where_each_setting_came_from() {
        let config = load(GOOD, &[("RINGFENCE__MEDIA__PORT", "40000")]).unwrap();
        assert_eq!(config.media.port, 40000);
        let trunk = &config.trunks[0];
        assert_eq!(trunk.password.as_ref().unwrap().expose(), "from-the-file");
        assert_eq!((trunk.media, trunk.register), (TrunkMedia::Rtp, true));
        assert_eq!(trunk.codecs, [CodecName::Pcma, CodecName::Opus]);
        let setting = |key| config.settings.iter().find(|s| s.key == key).unwrap();
        assert!(setting("server.public_host").origin.to_string().ends_with("ringfence.toml:4"));
        assert_eq!(setting("media.port").origin.to_string(), "environment RINGFENCE__MEDIA__PORT");
        assert_eq!(setting("numbers.echo").origin, Origin::Default);
        let shown = format!("{:?} {:?}", config.settings, config);
        assert!(!shown.contains("from-the-file"), "{shown}");
    }

    #[test]
    fn a_variable_wins_over_the_file_and_may_reach_into_a_trunk() {
        let environment = [
            ("RINGFENCE__TRUNK__0__USER", "other"),
            ("RINGFENCE__SERVER__PUBLIC_HOST", "b.example.com"),
            ("RINGFENCE__SERVER__LISTEN_TLS", "127.0.0.1:1, 127.0.0.1:2"),
        ];
        let config = load(GOOD, &environment).unwrap();
        assert_eq!(config.trunks[0].user.as_deref(), Some("other"));
        assert_eq!(config.server.public_host, "b.example.com");
        assert_eq!(config.server.listen_tls.len(), 2);
    }

    #[test]
    fn every_mistake_is_reported_at_once_with_its_line_and_the_nearest_name() {
        let text = GOOD
            .replace("public_host", "public_hots")
            .replace("127.0.0.1:8443", "127.0.0.1")
            .replace("\"rtp\"", "\"udp\"")
            .replace("codecs = [\"pcma\", \"opus\"]", "codecs = [\"g729\"]\n[medai]\nport=1");
        let errors = load(&text, &[]).unwrap_err();
        let text = errors.to_string();
        for expected in [
            "ringfence.toml:3: server.listen_tls: `127.0.0.1` is no address with a port, such as 127.0.0.1:8443",
            "ringfence.toml:4: server.public_hots: unknown setting\n    did you mean `public_host`?",
            "ringfence.toml:17: trunk.0.media: `udp` is not a choice\n    write one of: srtp, rtp",
            "ringfence.toml:18: trunk.0.codecs: `g729`",
            "ringfence.toml:19: medai: unknown setting\n    did you mean `media`?",
        ] {
            assert!(text.contains(expected), "{expected} not in {text}");
        }
        assert!(!text.contains("is missing") && !text.contains("media.advertise"), "{text}");
    }

    #[test]
    fn a_password_in_the_file_is_refused_with_the_fix_and_not_echoed() {
        for line in [
            "password = \"hunter2\"",
            "uri = \"sips:ringfence:hunter2@pbx.example.com\"",
            "pasword = \"hunter2\"",
            "user = [\"hunter2\"]",
        ] {
            let name = line.split(' ').next().unwrap();
            let kept: Vec<_> = GOOD
                .lines()
                .filter(|l| !l.starts_with("password_file") && !l.starts_with(&format!("{name} =")))
                .collect();
            let errors = load(&format!("{}\n{line}\n", kept.join("\n")), &[]).unwrap_err();
            let text = errors.to_string();
            assert!(!text.contains("hunter2"), "{text}");
            if line.starts_with("password") {
                assert!(text.contains("password_file") && text.contains("password_env"), "{text}");
            }
        }
    }

    #[test]
    fn a_password_may_come_from_a_variable_either_way() {
        let by_name = GOOD.replace("password_file = \"pw\"", "password_env = \"PBX\"");
        let config = load(&by_name, &[("PBX", "hunter2")]).unwrap();
        assert_eq!(config.trunks[0].password.as_ref().unwrap().expose(), "hunter2");
        let errors = load(&by_name, &[]).unwrap_err().to_string();
        assert!(errors.contains("variable PBX is not set"), "{errors}");
        let none = GOOD.replace("password_file = \"pw\"\n", "");
        let config = load(&none, &[("RINGFENCE__TRUNK__0__PASSWORD", "hunter2")]).unwrap();
        assert_eq!(config.trunks[0].password.as_ref().unwrap().expose(), "hunter2");
        assert!(!format!("{:?}", config.settings).contains("hunter2"));
    }

    #[test]
    fn what_the_server_would_refuse_is_found_by_the_check() {
        for (from, to, expected) in [
            ("[\"127.0.0.1:8443\"]", "[]", ":3: server.listen_tls: is empty"),
            ("data = \"data\"", "data = 5", ":6: server.data: takes a text in quotes"),
            ("data = \"data\"", "data = \"pw\"", "pw is not a folder"),
            ("key = \"key.pem\"", "key = \"pw\"", ":9: tls.key: "),
            ("cert = \"cert.pem\"", "cert = \"pw\"", "holds no PEM certificate"),
            ("\"127.0.0.1\"]", "\"0.0.0.0\"]", ":11: media.advertise: 0.0.0.0 is no address"),
            ("\"127.0.0.1\"]", "\"224.0.0.1\"]", "224.0.0.1 is no address browsers"),
            ("[media]", "[media]\nport = 65530\nworkers = 8", ":11: media.port: 8 workers need 8"),
            ("[media]", "[media]\nport = \"x\"", "`x` is no port, a number from 0 to 65535"),
            (
                "[media]",
                "[log]\nfilter = \"a=b=c\"\n[media]",
                ":11: log.filter: is not a log filter",
            ),
            ("user = \"ringfence\"", "", "trunk.0.password_file: needs a user"),
            ("password_file = \"pw\"", "", ":15: trunk.0.user: needs a password"),
            ("media = \"rtp\"", "ca = \"pw\"", "trunk.0.ca: holds no PEM certificate"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let text = load(&GOOD.replacen(from, to, 1), &[]).unwrap_err().to_string();
            assert!(text.contains(expected), "{expected} not in {text}");
            assert!(!text.contains("from-the-file") && !text.contains("(os error"), "{text}");
        }
        let last = GOOD.replace("[media]", "[media]\nport = 65535\nworkers = 1");
        load(&last, &[]).unwrap();
    }

    #[test]
    fn a_private_key_others_can_read_is_refused() {
        let folder = folder();
        let path = folder.path().join("ringfence.toml");
        std::fs::write(&path, GOOD).unwrap();
        use std::os::unix::fs::PermissionsExt;
        for (mode, is_refused) in [(0o644, true), (0o660, true), (0o604, true), (0o400, false)] {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(folder.path().join("key.pem"), mode).unwrap();
            let loaded = Config::load(Some(&path), [], &ServeFlags::default());
            let text = loaded.err().map(|errors| errors.to_string()).unwrap_or_default();
            assert_eq!(text.contains("tls.key: others") && text.contains("chmod 600"), is_refused);
        }
    }

    #[test]
    fn every_setting_is_shown_with_its_default() {
        let config = load(GOOD, &[]).unwrap();
        for (key, value) in [
            ("server.listen_metrics", "none"),
            ("sip.listen", "none"),
            ("media.port", "50000"),
            ("log.format", "auto"),
            ("trunk.0.password", "***"),
            ("trunk.0.media", "rtp"),
            ("trunk.0.domain", "none"),
        ] {
            let setting = config.settings.iter().find(|s| s.key == key);
            assert_eq!(setting.map(|s| s.value.as_str()), Some(value), "{key}");
        }
    }

    #[test]
    fn c01_a_secret_file_others_can_read_is_refused() {
        let folder = folder();
        let path = folder.path().join("ringfence.toml");
        std::fs::write(&path, GOOD).unwrap();
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(folder.path().join("pw"), mode).unwrap();
        let error = Config::load(Some(&path), [], &ServeFlags::default()).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
        assert!(!error.contains("from-the-file"));
    }

    #[test]
    fn broken_toml_is_reported_with_its_line_and_the_rest_is_still_checked() {
        let errors = load("[server\npublic_host = \n[log]\nformat = \"xml\"\n", &[]).unwrap_err();
        let text = errors.to_string();
        assert!(text.contains("ringfence.toml:1: "), "{text}");
        assert!(text.contains("log.format: `xml`"), "{text}");
    }

    #[test]
    fn production_needs_a_name_and_a_certificate_and_no_open_metrics() {
        let text = "[server]\nlisten_metrics = \"0.0.0.0:9090\"\n";
        let text = load(text, &[]).unwrap_err().to_string();
        for expected in ["server.public_host", "tls.cert", "tls.key", "listen_metrics"] {
            assert!(text.contains(expected), "{expected} not in {text}");
        }
    }

    #[test]
    fn a_missing_file_is_one_mistake() {
        let path = Path::new("/nonexistent/ringfence.toml");
        let errors = Config::load(Some(path), [], &ServeFlags::default()).unwrap_err();
        assert_eq!(errors.0.len(), 1);
        assert!(errors.to_string().contains("ringfence.toml: there is no such file"));
    }
}
