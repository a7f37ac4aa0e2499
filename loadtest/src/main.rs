//! Drives one Ringfence server as browsers and PBXs would, and measures what that costs it.
//!
//! The server runs in a process of its own, kept on one core, with a data folder that is thrown
//! away; the load runs on the others. Costs are the server's user and system time divided by the
//! work done. Floors (`connect`, `media`) run in turns with the server in the same minute, for a
//! ratio means more than a time on a machine that others use too. See `results/`.

mod bare_server;
mod calls;
mod chart;
mod client;
mod connect;
mod figures;
mod logins;
mod machine;
mod media;
mod people;
mod pinning;
mod process;
mod register;
mod server;
mod sip;
#[path = "../../benches/support/stun.rs"]
mod stun;
mod summary;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures a Ringfence server.
#[derive(Parser)]
#[command(name = "loadtest", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Concurrent echo calls with the `webrtc` crate as browsers
    Calls(calls::CallsArgs),
    /// Agents connecting, against a bare tokio-tungstenite + rustls server
    Connect(connect::ConnectArgs),
    /// Memory of idle registered agents, and what a REGISTER refresh costs
    Register(register::RegisterArgs),
    /// Many people signing in at once, while others call and ask
    Logins(logins::LoginsArgs),
    /// Packets relayed between DTLS-SRTP and SDES, against a bare batched relay
    Media(media::MediaArgs),
    /// The floor of `connect`; started by it
    #[command(hide = true)]
    BareServer,
    /// The two sides of `media`; started by it
    #[command(hide = true)]
    RelayServer(media::RelayServerArgs),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Calls(args) => calls::run(args),
        Command::Connect(args) => connect::run(args),
        Command::Register(args) => register::run(args),
        Command::Logins(args) => logins::run(args),
        Command::Media(args) => media::run(args),
        Command::BareServer => bare_server::run(),
        Command::RelayServer(args) => media::serve(&args),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            summary::complain(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}
