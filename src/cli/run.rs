//! From the words typed to the work done.

use std::ffi::OsString;
use std::future::Future;
use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde::Serialize;

use super::args::{Cli, Command, Dev, Serve};
use super::failure::{Exit, Failure};
use super::{configuration, people, trunks};
use crate::base::Secret;
use crate::config::Config;
use crate::store::TrunkRow;
use crate::telemetry;

/// How long threads that still wait for the system may keep the process.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// What the command line cannot do by itself.
pub trait Hooks {
    /// Runs development mode until it is told to stop.
    fn dev(&self, config: Config, show: DevShow) -> impl Future<Output = Result<(), Failure>>;

    /// Runs a configured server until it is told to stop.
    fn serve(&self, config: Config) -> impl Future<Output = Result<(), Failure>>;

    /// Tries a trunk; its steps up to the first that failed.
    fn test_trunk(
        &self,
        trunk: &TrunkRow,
        password: Option<Secret>,
        ca_file: Option<PathBuf>,
    ) -> impl Future<Output = Vec<TestStep>>;
}

/// How development mode presents itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DevShow {
    /// Words for a person; opens the page in a browser.
    WordsAndBrowser,
    /// Words for a person.
    Words,
    /// One line of JSON.
    Json,
}

/// One step of a trunk's test.
#[derive(Clone, Debug, Serialize)]
pub struct TestStep {
    /// `address`, `connect`, `tls`, `options`, `register`.
    pub step: &'static str,
    /// Whether it worked.
    pub ok: bool,
    /// What was found, or what to do.
    pub detail: String,
    /// How long it took.
    pub took_ms: u64,
}

/// Does what `args` (the program's name first) say; the process's exit code.
pub fn run(args: impl IntoIterator<Item = OsString>, hooks: &impl Hooks) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code()));
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.map_err(Failure::from).and_then(|runtime| {
        let done = runtime.block_on(execute(cli, hooks, &mut stdout(), &mut stderr()));
        // A name look-up that hangs in a thread of its own must not keep the process.
        runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // A broken pipe: nobody is left to tell.
            let _ = writeln!(stderr(), "error: {failure}");
            ExitCode::from(failure.exit.code())
        }
    }
}

async fn execute(
    cli: Cli,
    hooks: &impl Hooks,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    match cli.command.unwrap_or(Command::Dev(cli.dev)) {
        Command::Dev(dev) => start_dev(&dev, hooks).await,
        Command::Serve(serve) => start(&serve, hooks).await,
        Command::Config(command) => configuration::config(command, out),
        Command::User(command) => people::user(command, out, err).await,
        Command::Trunk(command) => trunks::trunk(command, hooks, out, err).await,
        Command::Token(command) => people::token(command, out, err).await,
    }
}

async fn start_dev(dev: &Dev, hooks: &impl Hooks) -> Result<(), Failure> {
    let config = configuration::of_dev(dev)?;
    telemetry::log::init(&config.log)?;
    let show = match (dev.json, dev.no_open) {
        (true, _) => DevShow::Json,
        (false, true) => DevShow::Words,
        (false, false) => DevShow::WordsAndBrowser,
    };
    hooks.dev(config, show).await
}

async fn start(serve: &Serve, hooks: &impl Hooks) -> Result<(), Failure> {
    let config = configuration::of_serve(serve)?;
    telemetry::log::init(&config.log)?;
    hooks.serve(config).await
}

#[cfg(test)]
mod tests {
    use super::super::args::{TokenCommand, TrunkCommand, UserCommand};
    use super::*;
    use crate::config::Mode;
    use crate::store::Store;
    use clap::CommandFactory;
    use std::cell::RefCell;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    #[derive(Default)]
    struct Noted {
        started: RefCell<Vec<(Mode, Option<DevShow>)>>,
        tested: RefCell<Vec<String>>,
        step_fails: bool,
    }

    impl Hooks for Noted {
        async fn dev(&self, config: Config, show: DevShow) -> Result<(), Failure> {
            self.started.borrow_mut().push((config.mode, Some(show)));
            Ok(())
        }

        async fn serve(&self, config: Config) -> Result<(), Failure> {
            self.started.borrow_mut().push((config.mode, None));
            Ok(())
        }

        async fn test_trunk(
            &self,
            trunk: &TrunkRow,
            password: Option<Secret>,
            _: Option<PathBuf>,
        ) -> Vec<TestStep> {
            let password = password.map(|p| p.expose().to_string()).unwrap_or_default();
            self.tested.borrow_mut().push(format!("{} {password}", trunk.name));
            let (ok, detail) = (!self.step_fails, "certificate has expired".to_string());
            vec![TestStep { step: "tls", ok, detail, took_ms: 3 }]
        }
    }

    /// Runs one command on a data folder; what it printed.
    async fn typed(words: &[&str], data: &Path, hooks: &Noted) -> Result<String, Failure> {
        let data = data.to_str().unwrap();
        let words = ["ringfence"].iter().chain(words).copied().chain(["--data", data]);
        let cli = Cli::try_parse_from(words)
            .map_err(|error| Failure::words(Exit::Usage, error.to_string()))?;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        execute(cli, hooks, &mut out, &mut err).await?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn secret_file(folder: &Path, text: &str) -> String {
        let path = folder.join("secret");
        std::fs::write(&path, format!("{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_string()
    }

    #[test]
    fn the_command_line_is_consistent_and_each_command_has_help() {
        Cli::command().debug_assert();
        let mut command = Cli::command();
        let help = command.render_long_help().to_string();
        for word in ["dev", "serve", "config", "user", "trunk", "token", "--trunk", "78"] {
            assert!(help.contains(word), "{word} not in {help}");
        }
    }

    #[tokio::test]
    async fn without_a_command_it_is_development_mode() {
        let folder = tempfile::tempdir().unwrap();
        let noted = Noted::default();
        typed(&["--log", "off"], folder.path(), &noted).await.unwrap();
        assert_eq!(*noted.started.borrow(), [(Mode::Development, Some(DevShow::WordsAndBrowser))]);
    }

    #[test]
    fn development_flags_become_a_configuration() {
        let words = "ringfence dev --no-open --json --listen 127.0.0.1:0 --trunk sips:u:p@a.example \
                     --trunk sips:b.example:5071 --trunk-media rtp --media-port 40000";
        let cli = Cli::try_parse_from(words.split_whitespace()).unwrap();
        let Some(Command::Dev(dev)) = cli.command else { panic!() };
        let config = configuration::of_dev(&dev).unwrap();
        assert_eq!(config.server.listen_metrics.unwrap().port(), 0, "free ports everywhere");
        assert_eq!(config.media.port, 40_000);
        let names: Vec<_> = config.trunks.iter().map(|trunk| trunk.name.as_str()).collect();
        assert_eq!(names, ["pbx", "pbx-2"]);
        assert_eq!(config.trunks[0].password.as_ref().unwrap().expose(), "p");
        assert!(config.trunks[0].register && !config.trunks[1].register);
        assert!(config.trunks.iter().all(|trunk| trunk.media.as_str() == "rtp"));
    }

    #[test]
    fn a_bad_trunk_flag_is_refused_without_its_password() {
        let words = ["ringfence", "--trunk", "sip:u:hunter2@a.example"];
        let cli = Cli::try_parse_from(words).unwrap();
        assert!(!format!("{cli:?}").contains("hunter2"));
        let failure = configuration::of_dev(&cli.dev).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.words.contains("sips:") && !failure.words.contains("hunter2"));
    }

    #[test]
    fn what_is_said_about_trunks_without_saying_it_all_is_a_usage_error() {
        for (words, expected) in [
            ("ringfence --trunk sips:ringfence@a.example", "needs a password"),
            ("ringfence --trunk-ca ca.pem", "--trunk-ca says"),
            ("ringfence dev --trunk-media rtp", "--trunk-media says"),
        ] {
            let cli = Cli::try_parse_from(words.split_whitespace()).unwrap();
            let Command::Dev(dev) = cli.command.unwrap_or(Command::Dev(cli.dev)) else { panic!() };
            let failure = configuration::of_dev(&dev).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.words.contains(expected), "{failure}");
        }
        let refused = Cli::try_parse_from(["ringfence", "--listen", "8080"]).unwrap_err();
        assert!(refused.to_string().contains("like 127.0.0.1:8443"), "{refused}");
    }

    #[tokio::test]
    async fn the_configuration_says_where_the_data_is_unless_the_command_line_does() {
        for words in ["user list", "trunk list", "token mint --user 1001"] {
            let all = format!("ringfence {words} --config /nonexistent/ringfence.toml");
            let cli = Cli::try_parse_from(all.split_whitespace()).unwrap();
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let done = execute(cli, &Noted::default(), &mut out, &mut err).await;
            let failure = done.unwrap_err();
            assert!(failure.words.contains("/nonexistent/ringfence.toml"), "{words}: {failure}");
            let cli = Cli::try_parse_from(all.split_whitespace()).unwrap();
            let place = match cli.command {
                Some(Command::User(UserCommand::List { place, .. })) => place,
                Some(Command::Trunk(TrunkCommand::List { place, .. })) => place,
                Some(Command::Token(TokenCommand::Mint { place, .. })) => place,
                _ => panic!(),
            };
            assert!(place.data.is_none() && place.config.is_some(), "{place:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = working_configuration(folder.path());
        let add = ["ringfence", "user", "add", "ann", "--number", "2001", "--no-password"];
        let add = add.into_iter().chain(["--config", path.to_str().unwrap()]);
        let cli = Cli::try_parse_from(add).unwrap();
        execute(cli, &Noted::default(), &mut Vec::new(), &mut Vec::new()).await.unwrap();
        assert!(folder.path().join("data/ringfence.db").exists());
        let cli = Cli::try_parse_from(["ringfence"]).unwrap();
        let config = configuration::of_dev(&cli.dev).unwrap();
        assert_eq!(config.server.data, Path::new("ringfence-dev"));
        let file = tempfile::NamedTempFile::new().unwrap();
        let failure = typed(&["user", "list"], file.path(), &Noted::default()).await.unwrap_err();
        assert!(failure.words.ends_with("is not a folder"), "{failure}");
    }

    #[tokio::test]
    async fn people_are_added_listed_and_given_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let noted = Noted::default();
        let file = secret_file(folder.path(), "correct horse");
        let add =
            ["user", "add", "ann", "--number", "2001", "--level", "5", "--password-file", &file];
        assert!(typed(&add, &data, &noted).await.unwrap().contains("level 5 (supervisor)"));
        let twice = typed(&add, &data, &noted).await.unwrap_err();
        assert!(twice.exit == Exit::Failed && twice.words.contains("another one has"), "{twice}");
        let list = typed(&["user", "list"], &data, &noted).await.unwrap();
        assert!(list.starts_with("NUMBER") && list.contains("ann"), "{list}");
        let list = typed(&["user", "list", "--json"], &data, &noted).await.unwrap();
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        assert_eq!(list[0]["has_password"], true);
        for name in ["ann", "2001"] {
            let mint = ["token", "mint", "--user", name, "--level", "1", "--json"];
            let minted = typed(&mint, &data, &noted).await.unwrap();
            let minted: serde_json::Value = serde_json::from_str(&minted).unwrap();
            assert_eq!((&minted["level"], &minted["expires_in"]), (&1.into(), &600.into()));
        }
        let passwd = ["user", "passwd", "ann", "--password-file", &file];
        let changed = typed(&passwd, &data, &noted).await.unwrap();
        assert!(changed.contains("2 sessions ended"), "{changed}");
        for wrong in [
            &["user", "add", "bob", "--number", "2002", "--level", "10", "--no-password"][..],
            &["user", "add", "bob", "--number", "*43", "--no-password"],
            &["user", "passwd", "nobody", "--password-file", &file],
            &["token", "mint", "--user", "nobody"],
        ] {
            assert!(typed(wrong, &data, &noted).await.is_err(), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn a_trunk_is_added_listed_tested_and_removed_and_its_password_rests_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let noted = Noted { step_fails: true, ..Noted::default() };
        let file = secret_file(folder.path(), "canary-trunk-9");
        let add = ["trunk", "add", "office", "sips:u@pbx.example.com", "--password-file", &file];
        typed(&add, &data, &noted).await.unwrap();
        let list = typed(&["trunk", "list"], &data, &noted).await.unwrap();
        assert!(list.contains("not loaded yet"), "{list}");
        for entry in std::fs::read_dir(&data).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert!(!bytes.windows(14).any(|window| window == b"canary-trunk-9"));
        }
        let store = Store::open(&data).await.unwrap();
        let trunk = store.trunks().by_name("office").await.unwrap().unwrap();
        let state = crate::store::TrunkState {
            word: "untrusted".into(),
            detail: "the certificate has expired".into(),
            at: crate::base::UnixTime(1),
        };
        store.trunks().set_state(trunk.id, &state).await.unwrap();
        let list = typed(&["trunk", "list"], &data, &noted).await.unwrap();
        assert!(list.contains("the certificate has expired"), "{list}");
        let failed = typed(&["trunk", "test", "office"], &data, &noted).await.unwrap_err();
        assert!(failed.words.contains("failed at `tls`: certificate has expired"), "{failed}");
        assert_eq!(*noted.tested.borrow(), ["office canary-trunk-9"]);
        typed(&["trunk", "remove", "office"], &data, &noted).await.unwrap();
        let list = typed(&["trunk", "list"], &data, &noted).await.unwrap();
        assert!(list.contains("no trunks"), "{list}");
    }

    #[tokio::test]
    async fn a_trunk_password_on_the_command_line_is_refused_and_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let add = ["trunk", "add", "office", "sips:u:hunter2@pbx.example.com"];
        let failure = typed(&add, folder.path(), &Noted::default()).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(!failure.words.contains("hunter2") && failure.words.contains("--password-file"));
    }

    #[tokio::test]
    async fn c04_a_wrong_root_key_is_a_configuration_error_and_a_missing_folder_a_usage_error() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let noted = Noted::default();
        let failure = typed(&["user", "list"], &data, &noted).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(!data.exists());
        let add = ["user", "add", "ann", "--number", "2001", "--no-password"];
        typed(&add, &data, &noted).await.unwrap();
        std::fs::remove_file(data.join("root.key")).unwrap();
        let failure = typed(&["user", "list"], &data, &noted).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Config);
        assert!(failure.words.contains("root key"), "{failure}");
    }

    #[test]
    fn a_configuration_is_checked_and_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ringfence.toml");
        std::fs::write(&path, "[server]\npublic_hots = \"x\"\n").unwrap();
        let check = |words: &[&str]| {
            let path = path.to_str().unwrap();
            let words = ["ringfence", "config"].iter().chain(words).copied();
            let cli = Cli::try_parse_from(words.chain(["--config", path])).unwrap();
            let Some(Command::Config(command)) = cli.command else { panic!() };
            let mut out = Vec::new();
            let done = configuration::config(command, &mut out);
            (done, String::from_utf8(out).unwrap())
        };
        let (done, out) = check(&["check", "--json"]);
        assert_eq!(done.unwrap_err().exit.code(), 78);
        assert!(out.contains("\"ok\":false") && out.contains("did you mean"), "{out}");
        assert_eq!(working_configuration(folder.path()), path);
        let (done, out) = check(&["check"]);
        assert!(done.is_ok() && out.contains("is valid"), "{done:?}");
        let (_, out) = check(&["show"]);
        assert!(out.contains("server.public_host") && out.contains("ringfence.toml:2"), "{out}");
        assert!(out.contains("server.listen_metrics") && out.contains("default"), "{out}");
    }

    /// A configuration that `serve` takes, with its data beside it.
    fn working_configuration(folder: &Path) -> PathBuf {
        let own = rcgen::generate_simple_self_signed(["a.example".to_string()]).unwrap();
        for (name, text) in [("cert", own.cert.pem()), ("key", own.signing_key.serialize_pem())] {
            std::fs::write(folder.join(name), text).unwrap();
            let mode = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(folder.join(name), mode).unwrap();
        }
        let path = folder.join("ringfence.toml");
        let text = "[server]\npublic_host = \"a.example\"\ndata = \"data\"\n[tls]\n\
                    cert = \"cert\"\nkey = \"key\"\n[media]\nadvertise = [\"127.0.0.1\"]\n";
        std::fs::write(&path, text).unwrap();
        path
    }
}
