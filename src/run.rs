//! `ringfence dev` and `ringfence serve`: start, say where to go, run until told to stop.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::access::{AccessError, DevAgent};
use crate::base::Clock;
use crate::config::Config;
use crate::server::{Addresses, Server, StartError};

/// How development mode presents itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Presentation {
    /// One line of JSON instead of words.
    pub json: bool,
    /// Open the page in the person's browser.
    pub open: bool,
}

/// Why it ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The people of development mode could not be made.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The sign-in link could not be made, or standard output is gone.
    #[error("cannot present the server: {0}")]
    Present(String),
}

/// Runs development mode until a signal.
///
/// # Errors
/// It did not start.
pub async fn dev(config: Config, presentation: Presentation) -> Result<(), RunError> {
    let started = Clock::system();
    let began = started.now();
    let server = Server::start(config, started.clone()).await?;
    let welcome = Welcome::prepare(&server).await?;
    let took = started.now() - began;
    let shown = if presentation.json {
        serde_json::to_string(&welcome).map_err(io::Error::other).and_then(|line| say(&line))
    } else {
        say(&welcome.words(&server, took, presentation.open))
    };
    shown.map_err(|error| RunError::Present(error.to_string()))?;
    if presentation.open {
        open_browser(&welcome.page);
    }
    wait_and_stop(server).await;
    Ok(())
}

/// Runs a configured server until a signal.
///
/// # Errors
/// It did not start.
pub async fn serve(config: Config) -> Result<(), RunError> {
    let server = Server::start(config, Clock::system()).await?;
    let list =
        |all: &[SocketAddr]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let Addresses { tls, sip, .. } = server.addresses();
    tracing::info!(https = list(tls), sip = list(sip), "ringfence is ready");
    if server.services().access.set_up().is_needed().await? {
        // The link itself would let in whoever reads the log.
        tracing::warn!("nobody may administer yet: `ringfence set-up-link` prints the way in");
    }
    wait_and_stop(server).await;
    Ok(())
}

/// Waits for a signal, then says goodbye on every call. A second signal ends the
/// process at once.
async fn wait_and_stop(server: Server) {
    stop_signal().await;
    tracing::info!("stopping: calls are hung up");
    tokio::select! {
        () = server.stop() => {}
        () = stop_signal() => tracing::warn!("stopped at once"),
    }
}

/// Resolves at Ctrl-C or SIGTERM.
async fn stop_signal() {
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        },
        _ => {
            tracing::error!("cannot listen for signals; stop with kill");
            std::future::pending::<()>().await;
        }
    }
}

/// What a person or a script needs to begin.
#[derive(Serialize)]
struct Welcome {
    page: String,
    ws: String,
    wss: String,
    api: String,
    metrics: Option<String>,
    sip: Option<String>,
    agents: Vec<Agent>,
}

/// One ready-made person.
#[derive(Serialize)]
struct Agent {
    user: String,
    number: String,
    level: u8,
    token: String,
    /// Signs this person in once.
    page: String,
}

impl Welcome {
    async fn prepare(server: &Server) -> Result<Self, RunError> {
        let addresses = server.addresses();
        let plain = addresses.plain.map(|address| address.port());
        let tls = addresses.tls.first().map(SocketAddr::port);
        let http = plain.map(|port| format!("localhost:{port}"));
        let https = tls.map(|port| format!("localhost:{port}"));
        let (origin, ws) = match (&http, &https) {
            (Some(host), _) => (format!("http://{host}"), format!("ws://{host}/ws")),
            (None, Some(host)) => (format!("https://{host}"), format!("wss://{host}/ws")),
            (None, None) => (String::new(), String::new()),
        };
        let access = &server.services().access;
        let mut agents = Vec::new();
        for agent in access.dev_agents().await? {
            let page = start_page(server, &origin, &agent)?;
            agents.push(Agent {
                user: agent.member.user.name,
                number: agent.member.membership.number,
                level: agent.member.membership.level.get(),
                token: agent.token.expose().to_owned(),
                page,
            });
        }
        let page = agents.first().map_or_else(|| origin.clone(), |agent| agent.page.clone());
        Ok(Self {
            page,
            ws,
            wss: https.map(|host| format!("wss://{host}/ws")).unwrap_or_default(),
            api: format!("{origin}/api/v1"),
            metrics: addresses.metrics.map(|address| format!("http://{address}/metrics")),
            sip: addresses.sip.first().map(|address| format!("sips:{address}")),
            agents,
        })
    }

    fn docs(&self) -> String {
        self.api.replace("/api/v1", "/docs")
    }

    fn words(&self, server: &Server, took: Duration, opening: bool) -> String {
        let config = &server.services().config;
        let mut out = format!(
            "\n  ringfence {}  development mode: this machine only, data in {}\n\n",
            env!("CARGO_PKG_VERSION"),
            config.server.data.display()
        );
        let mut row = |label: &str, text: &str| out.push_str(&format!("  {label:<14}{text}\n"));
        row(
            "Open",
            &format!("{}{}", self.page, if opening { "   (opening your browser)" } else { "" }),
        );
        if let Some(second) = self.agents.get(1) {
            row("Second agent", &format!("{}   (in a private window)", second.page));
        }
        if let Some(admin) = self.agents.last().filter(|agent| agent.level == 9) {
            row("Administrator", &format!("{}   (in a private window)", admin.page));
        }
        row("", "Each link signs in once, then is dead.");
        row("Phone server", &format!("{}   any JsSIP or SIP.js client, subprotocol sip", self.ws));
        row("API", &format!("{}   described at {}", self.api, self.docs()));
        if let Some(metrics) = &self.metrics {
            row("Metrics", metrics);
        }
        let numbers: Vec<String> = config
            .numbers
            .list()
            .iter()
            .map(|built_in| format!("{} {}", built_in.number, built_in.words.to_lowercase()))
            .collect();
        row("Try it", &numbers.join(" · "));
        let others: Vec<&str> = self.agents.iter().map(|agent| agent.number.as_str()).collect();
        row("Agents", &others.join(" · "));
        row("PBX", &pbx_words(config));
        out.push_str(&format!(
            "  Ready in {:.1} s.   Ctrl-C stops; twice to force.\n",
            took.as_secs_f32()
        ));
        out
    }
}

fn pbx_words(config: &Config) -> String {
    if config.trunks.is_empty() {
        return "none yet; connect one with --trunk sips:USER:PASSWORD@HOST:5061".to_owned();
    }
    let names: Vec<String> =
        config.trunks.iter().map(|trunk| format!("{} at {}", trunk.name, trunk.uri)).collect();
    format!("{}   how it stands: ringfence trunk list", names.join(", "))
}

fn start_page(server: &Server, origin: &str, agent: &DevAgent) -> Result<String, RunError> {
    let key = server.services().access.start_links().make(agent.member.user.id);
    let key = key.map_err(|error| RunError::Present(error.to_string()))?;
    // Behind `#`, so that the key reaches no server, proxy or log.
    Ok(format!("{origin}/start#k={}", key.expose()))
}

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Opens the page where there is somebody to see it.
fn open_browser(page: &str) {
    if !io::stdout().is_terminal() {
        return;
    }
    let opened = Command::new("xdg-open")
        .arg(page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if opened.is_err() {
        tracing::debug!("no browser to open here");
    }
}
