//! The command line as it is typed.

mod flags;
mod people;
mod records;
mod trunks;

use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Parser;
use serde_json::Value;

use super::args::Cli;
use super::failure::{Exit, Failure};
use super::run::{DevShow, Hooks, TestStep, execute};
use crate::base::Secret;
use crate::config::{Config, Mode};
use crate::store::{AuditFilter, AuditRow, Store, TrunkRow};

/// Hooks that note what they were asked.
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

/// What a command printed.
#[derive(Debug)]
struct Printed {
    out: String,
    err: String,
    done: Result<(), Failure>,
}

/// A server's data folder, not there yet, and what else a test needs.
struct Desk {
    folder: tempfile::TempDir,
    data: PathBuf,
    noted: Noted,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Self { folder, data, noted: Noted::default() }
    }

    /// With somebody called ann, number 2001, level 9, in the home workspace.
    async fn with_ann() -> Self {
        let desk = Self::new();
        let file = desk.secret_file("correct horse battery");
        let add = format!("user add ann --number 2001 --level 9 --password-file {file}");
        desk.typed(&add).await.unwrap();
        desk
    }

    /// Runs one command on the data folder; words are split at spaces.
    async fn print(&self, words: &str) -> Printed {
        let data = self.data.to_str().unwrap();
        let words = ["ringfence"].into_iter().chain(words.split(' ')).chain(["--data", data]);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let done = match Cli::try_parse_from(words) {
            Ok(cli) => Box::pin(execute(cli, &self.noted, &mut out, &mut err)).await,
            Err(error) => Err(Failure::words(Exit::Usage, error.to_string())),
        };
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Printed { out: text(out), err: text(err), done }
    }

    /// What one command printed on standard output.
    async fn typed(&self, words: &str) -> Result<String, Failure> {
        let printed = self.print(words).await;
        printed.done.map(|()| printed.out)
    }

    /// How one command failed.
    async fn refused(&self, words: &str) -> Failure {
        self.typed(words).await.expect_err(words)
    }

    /// What one command printed with `--json`.
    async fn json(&self, words: &str) -> Value {
        let out = self.typed(&format!("{words} --json")).await.expect(words);
        assert_eq!(out.lines().count(), 1, "{out}");
        serde_json::from_str(&out).unwrap()
    }

    /// A file of one line, ours alone.
    fn secret_file(&self, text: &str) -> String {
        let path = self.folder.path().join("secret");
        std::fs::write(&path, format!("{text}\n")).unwrap();
        private(&path);
        path.to_str().unwrap().to_string()
    }

    async fn store(&self) -> Store {
        Store::open(&self.data).await.unwrap()
    }

    /// What was audited of an action, the newest first.
    async fn audited(&self, action: &str) -> Vec<AuditRow> {
        let filter = AuditFilter { action: Some(action), ..AuditFilter::default() };
        self.store().await.audit().list(filter, 100).await.unwrap()
    }
}

fn private(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A configuration that `serve` takes, with its data beside it.
fn working_configuration(folder: &Path) -> PathBuf {
    let own = rcgen::generate_simple_self_signed(["a.example".to_string()]).unwrap();
    for (name, text) in [("cert", own.cert.pem()), ("key", own.signing_key.serialize_pem())] {
        std::fs::write(folder.join(name), text).unwrap();
        private(&folder.join(name));
    }
    let path = folder.join("ringfence.toml");
    let text = "[server]\npublic_host = \"a.example\"\ndata = \"data\"\n[tls]\n\
                cert = \"cert\"\nkey = \"key\"\n[media]\nadvertise = [\"127.0.0.1\"]\n";
    std::fs::write(&path, text).unwrap();
    path
}
