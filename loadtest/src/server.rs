//! The measured server: built, started in development mode on free ports, stopped.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;
use tempfile::TempDir;

use crate::pinning::on_measured_core;
use crate::process::Process;
use crate::summary::complain;

/// Which server to measure.
#[derive(Args, Debug)]
pub struct ServerArgs {
    /// The server binary; without it the one beside this program, built anew if it is stale
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

/// A server that runs until this is dropped, in a folder that goes with it.
pub struct Server {
    child: Child,
    /// Its data.
    pub folder: TempDir,
    /// What it said about itself.
    pub line: DevLine,
}

/// The line `ringfence dev --json` prints.
#[derive(Clone, Debug, Deserialize)]
pub struct DevLine {
    wss: String,
    /// The ready-made people.
    pub agents: Vec<DevAgent>,
}

/// One of them.
#[derive(Clone, Debug, Deserialize)]
pub struct DevAgent {
    /// A session token.
    pub token: String,
}

impl Server {
    /// Builds the server if it is stale, starts it and waits until it says it is up.
    pub fn start(args: &ServerArgs) -> Result<Self> {
        let binary = match &args.server {
            Some(binary) => binary.clone(),
            None => build()?,
        };
        let folder = tempfile::tempdir().context("cannot make a data folder")?;
        let log_path = folder.path().join("server.log");
        let log = File::create(&log_path)?;
        let mut child = on_measured_core(|| command(&binary, folder.path()).stderr(log).spawn())?
            .with_context(|| format!("cannot start {}", binary.display()))?;
        match first_line(&mut child) {
            Ok(line) => Ok(Self { child, folder, line }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                let log = std::fs::read_to_string(&log_path).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(8).collect();
                for line in tail.iter().rev() {
                    complain(line);
                }
                Err(error)
            }
        }
    }

    /// What it uses.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// Where it takes phones over TLS.
    pub fn tls_address(&self) -> Result<SocketAddr> {
        let rest = self.line.wss.strip_prefix("wss://").unwrap_or(&self.line.wss);
        let authority = rest.split('/').next().unwrap_or_default();
        let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let port = port.with_context(|| format!("no port in {}", self.line.wss))?;
        Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }

    /// The authority its development certificate is from.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("dev-ca.pem")
    }

    /// Lines of its log that say something went wrong.
    pub fn troubles(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("server.log"));
        let is_trouble = |line: &&str| line.contains("ERROR") || line.contains("panicked");
        log.unwrap_or_default().lines().filter(is_trouble).map(str::to_owned).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// Ends a child kindly, then by force.
pub fn stop(child: &mut Child) {
    if let Some(pid) = rustix::process::Pid::from_raw(child.id().cast_signed()) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
    }
    for _ in 0..100 {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn command(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command
        .args(["dev", "--no-open", "--json", "--media-port", "0", "--data"])
        .arg(folder)
        .args(["--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0"])
        .args(["--sip-listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// Reads the line, but does not wait for it forever. Keeps reading, so that the server never
/// blocks on what it prints.
fn first_line(child: &mut Child) -> Result<DevLine> {
    let stdout = child.stdout.take().context("no standard output")?;
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.try_send(line);
        }
    });
    let line = receiver
        .recv_timeout(START_TIMEOUT)
        .context("the server did not print its line of JSON; its last words are above")?;
    serde_json::from_str(&line).with_context(|| format!("not the line of `dev --json`: {line}"))
}

/// How long a server may take to come up.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Asks cargo for the release binary; it does nothing if that is fresh.
fn build() -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    let binary = own.parent().context("no folder")?.join("ringfence");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace")?;
    if cfg!(debug_assertions) {
        complain(
            "this is a debug build: the load it makes is slow. Use `cargo run --release -p loadtest`.",
        );
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--package", "ringfence", "--bin", "ringfence", "--quiet"])
        .current_dir(root)
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(_) if root.join("Cargo.toml").exists() => bail!("the server does not build"),
        Ok(_) | Err(_) => complain("cargo is not here: taking the server as it is"),
    }
    if !binary.exists() {
        bail!(
            "there is no {}; build it with `cargo build --release`, or name one with --server",
            binary.display()
        );
    }
    Ok(binary)
}
