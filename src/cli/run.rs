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
use super::{
    audit, backup, configuration, keys, login_history, people, policy, sessions, trunks, vault,
    workspaces,
};
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

pub(super) async fn execute(
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
        Command::Workspace(command) => workspaces::workspace(command, out, err).await,
        Command::Invite(command) => workspaces::invite(command, out).await,
        Command::Key(command) => keys::key(command, out).await,
        Command::Session(command) => sessions::session(command, out).await,
        Command::Policy(command) => policy::policy(command, out).await,
        Command::Trunk(command) => trunks::trunk(command, hooks, out, err).await,
        Command::Token(command) => people::token(command, out, err).await,
        Command::Audit(command) => audit::audit(command, out, err).await,
        Command::LoginHistory(command) => login_history::login_history(command, out).await,
        Command::Vault(command) => vault::vault(command, out, err).await,
        Command::Backup(command) => backup::backup(command, out, err).await,
        Command::Restore(command) => backup::restore(command, out, err).await,
        Command::SetUpLink(command) => workspaces::set_up_link(command, out).await,
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
