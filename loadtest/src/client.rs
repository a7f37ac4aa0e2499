//! A phone's WebSocket over TLS, as a browser opens it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// A connected phone.
pub type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Opens sockets to one server.
#[derive(Clone)]
pub struct Dialer {
    address: SocketAddr,
    tls: TlsConnector,
    sources: Arc<AtomicU8>,
}

/// How TLS is spoken.
#[derive(Clone, Copy, Debug)]
pub struct TlsChoice {
    /// Offer X25519MLKEM768 as today's browsers do; otherwise X25519 alone, as the floors have it.
    pub post_quantum: bool,
}

impl Dialer {
    /// Trusts the authority in `ca`. TLS 1.3, no resumption: each connection is a new phone.
    pub fn new(address: SocketAddr, ca: &Path, choice: TlsChoice) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(ca)
            .with_context(|| format!("cannot read {}", ca.display()))?;
        roots.add(ca)?;
        let mut provider = aws_lc_rs::default_provider();
        if !choice.post_quantum {
            provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self { address, tls, sources: Arc::default() })
    }

    /// TCP, TLS and the upgrade, with a token if there is one.
    pub async fn connect(&self, token: Option<&str>) -> Result<Socket> {
        tokio::time::timeout(CONNECT_TIMEOUT, self.connect_now(token))
            .await
            .context("connecting took too long")?
    }

    /// TCP from `source` and TLS, for requests.
    pub async fn tls_from(&self, source: Ipv4Addr) -> Result<TlsStream<TcpStream>> {
        let tcp = self.tcp(source).await.context("TCP")?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        self.tls.connect(name, tcp).await.context("TLS")
    }

    /// What the server is called in requests.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    async fn connect_now(&self, token: Option<&str>) -> Result<Socket> {
        let turn = self.sources.fetch_add(1, Ordering::Relaxed) % 6;
        let tls = self.tls_from(Ipv4Addr::new(127, 0, 0, 2 + turn)).await?;
        let host = self.host();
        let mut request = format!("wss://{host}/ws").into_client_request()?;
        let headers = request.headers_mut();
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("sip"));
        headers.insert(ORIGIN, HeaderValue::from_str(&format!("https://{host}"))?);
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}"))?);
        }
        let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, tls, Some(config))
            .await
            .context("upgrade")?;
        Ok(socket)
    }

    /// Connects from several loopback addresses in turn, so that floods do not run out of ports,
    /// and closes by reset, so that none are kept waiting.
    async fn tcp(&self, source: Ipv4Addr) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
        socket.set_zero_linger()?;
        Ok(socket.connect(self.address).await?)
    }
}

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
