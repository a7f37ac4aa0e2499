//! The floor of `connect`: tokio-tungstenite on rustls with its defaults, and nothing else. Looks
//! at no token, keeps no state.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::StreamExt as _;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::pinning::on_measured_core;
use crate::process::Process;
use crate::server::stop;
use crate::summary::say;

/// What the child says when it is up.
#[derive(Debug, Deserialize, Serialize)]
struct Line {
    address: SocketAddr,
    ca_pem: String,
}

/// The floor in a process of its own.
pub struct BareServer {
    child: Child,
    folder: tempfile::TempDir,
    /// Where it listens.
    pub address: SocketAddr,
}

impl BareServer {
    /// Starts it on the measured core.
    pub fn start() -> Result<Self> {
        let mut child = on_measured_core(|| {
            Command::new(std::env::current_exe()?)
                .arg("bare-server")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
        })??;
        let line =
            crate::media::read_line(&mut child).and_then(|line| Ok(serde_json::from_str(&line)?));
        let line: Line = match line {
            Ok(line) => line,
            Err(error) => {
                stop(&mut child);
                return Err(error.context("the bare server did not start"));
            }
        };
        let folder = tempfile::tempdir()?;
        let mut file = std::fs::File::create(folder.path().join("ca.pem"))?;
        file.write_all(line.ca_pem.as_bytes())?;
        Ok(Self { child, folder, address: line.address })
    }

    /// The authority of its certificate: itself.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What it uses.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }
}

impl Drop for BareServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child: serves until it is killed.
pub fn run() -> Result<bool> {
    tokio::runtime::Runtime::new()?.block_on(serve())
}

async fn serve() -> Result<bool> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&key)?;
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    let config = ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()?
    .with_no_client_auth()
    .with_single_cert(chain, private)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let line = Line { address: listener.local_addr()?, ca_pem: certificate.pem() };
    say(&serde_json::to_string(&line)?);
    loop {
        let (tcp, _) = listener.accept().await.context("accept")?;
        tokio::spawn(greet(acceptor.clone(), tcp));
    }
}

/// Upgrades, then reads until the phone is gone.
async fn greet(acceptor: TlsAcceptor, tcp: TcpStream) -> Result<()> {
    tcp.set_nodelay(true)?;
    let tls = acceptor.accept(tcp).await?;
    #[expect(clippy::result_large_err, reason = "the callback's signature is tungstenite's")]
    let choose = |_: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("sip"));
        Ok(response)
    };
    let config = WebSocketConfig::default().read_buffer_size(2048).write_buffer_size(0);
    let mut socket =
        tokio_tungstenite::accept_hdr_async_with_config(tls, choose, Some(config)).await?;
    while let Some(Ok(_)) = socket.next().await {}
    Ok(())
}
