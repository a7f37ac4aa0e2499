//! Asking and answering: what is permitted, the connection, the request, the bounds of the answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::address::is_global;
use super::url::{Scheme, Target, form_encode};
use crate::base::{Secret, limit};
use crate::config::WebOrigin;
use crate::net::tls::TlsError;

/// What is permitted beyond HTTPS on port 443 to global addresses.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    /// Origins that may be reached at any address, and without TLS where theirs is `http`.
    pub origins: Vec<WebOrigin>,
    /// Nets that any name may resolve into; still HTTPS on port 443 only.
    pub nets: Vec<IpNet>,
    /// Certificate authorities trusted besides the system's, as PEM text.
    pub authorities_pem: Option<String>,
}

/// Why nothing was fetched. No text in it comes from the peer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not an absolute URL, or one with a user name or a fragment.
    #[error("the address is not a plain https URL")]
    Url,
    /// Neither HTTPS on port 443 nor an excepted origin.
    #[error("only https on port 443 is fetched; except the origin {origin} to permit it")]
    Origin {
        /// Scheme, host and port asked for.
        origin: String,
    },
    /// The name does not resolve.
    #[error("the name {host} does not resolve")]
    Unresolved {
        /// The name.
        host: String,
    },
    /// The name resolves to nothing but inside addresses.
    #[error("{host} is at an address that is not public; except its origin to permit it")]
    Inside {
        /// The name.
        host: String,
    },
    /// No connection, or it broke.
    #[error("no connection to {host}")]
    Connect {
        /// The name.
        host: String,
        /// The system's or TLS' own words.
        #[source]
        source: std::io::Error,
    },
    /// Not an answer in HTTP/1.1.
    #[error("{host} did not answer in HTTP")]
    Protocol {
        /// The name.
        host: String,
        /// What was wrong.
        #[source]
        source: hyper::Error,
    },
    /// A redirect; none is followed.
    #[error("{host} answered with a redirect, which is not followed")]
    Redirect {
        /// The name.
        host: String,
    },
    /// More than [`limit::FETCH_BODY_BYTES_MAX`].
    #[error("the answer of {host} is too long")]
    TooLong {
        /// The name.
        host: String,
    },
    /// Not all of it within [`limit::FETCH_TIMEOUT`].
    #[error("no answer in time")]
    Timeout,
}

/// An answer that is no redirect; its status may be an error.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: bytes::Bytes,
}

/// How a request says who asks.
#[derive(Clone, Debug)]
pub enum Authorization {
    /// Nothing.
    None,
    /// `Basic`: name and password, already encoded as the receiver expects.
    Basic(String, Secret),
    /// `Bearer`.
    Bearer(Secret),
}

/// Fetches; clones share one TLS configuration.
#[derive(Clone)]
pub struct Fetcher {
    tls: TlsConnector,
    pub(super) exceptions: Arc<Exceptions>,
    pub(super) names: Names,
}

/// A name server of a test's own.
#[cfg(test)]
type LookUp = Arc<dyn Fn(&str) -> Vec<IpAddr> + Send + Sync>;

/// Where names are looked up.
#[derive(Clone)]
pub(super) enum Names {
    System,
    #[cfg(test)]
    Fixed(LookUp),
}

impl Fetcher {
    /// A client with these exceptions.
    ///
    /// # Errors
    /// The authorities are not PEM certificates.
    pub fn new(exceptions: Exceptions) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(pem) = &exceptions.authorities_pem {
            let more = CertificateDer::pem_slice_iter(pem.as_bytes())
                .collect::<Result<Vec<_>, _>>()
                .map_err(|_| TlsError::Authority)?;
            if roots.add_parsable_certificates(more).0 == 0 {
                return Err(TlsError::Authority);
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self { tls, exceptions: Arc::new(exceptions), names: Names::System })
    }

    /// Whether `url` may be fetched as far as can be said without looking its name up.
    ///
    /// # Errors
    /// It may not.
    pub fn check(&self, url: &str) -> Result<(), FetchError> {
        self.target(url).map(|_| ())
    }

    /// Gets `url`.
    ///
    /// # Errors
    /// See [`FetchError`]; a status of 400 and above is an answer, not an error.
    pub async fn get(&self, url: &str, who: &Authorization) -> Result<Answer, FetchError> {
        self.send(Method::GET, url, who, None).await
    }

    /// Posts `fields` as a form to `url`.
    ///
    /// # Errors
    /// See [`FetchError`]; a status of 400 and above is an answer, not an error.
    pub async fn post_form(
        &self,
        url: &str,
        who: &Authorization,
        fields: &[(&str, &str)],
    ) -> Result<Answer, FetchError> {
        self.send(Method::POST, url, who, Some(form_encode(fields))).await
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        who: &Authorization,
        form: Option<String>,
    ) -> Result<Answer, FetchError> {
        let target = self.target(url)?;
        let request = request(method, &target, who, form)?;
        let exchange = Box::pin(self.exchange(&target, request));
        tokio::time::timeout(limit::FETCH_TIMEOUT, exchange)
            .await
            .unwrap_or(Err(FetchError::Timeout))
    }

    fn target(&self, url: &str) -> Result<Target, FetchError> {
        let mut target = Target::parse(url)?;
        target.is_excepted = self.exceptions.origins.contains(&target.origin);
        let is_plain_https = target.scheme == Scheme::Https && target.port == 443;
        if is_plain_https || target.is_excepted {
            Ok(target)
        } else {
            Err(FetchError::Origin { origin: target.origin.to_string() })
        }
    }

    async fn exchange(
        &self,
        target: &Target,
        request: Request<Full<bytes::Bytes>>,
    ) -> Result<Answer, FetchError> {
        let tcp = self.connect(target).await?;
        match target.scheme {
            Scheme::Http => converse(tcp, target, request).await,
            Scheme::Https => {
                let name =
                    ServerName::try_from(target.host.clone()).map_err(|_| FetchError::Url)?;
                let tls = self.tls.connect(name, tcp).await;
                converse(tls.map_err(|error| target.unreachable(error))?, target, request).await
            }
        }
    }

    /// Connects to the first permitted address that answers.
    pub(super) async fn connect(&self, target: &Target) -> Result<TcpStream, FetchError> {
        let all = self.resolve(target).await?;
        if all.is_empty() {
            return Err(FetchError::Unresolved { host: target.host.clone() });
        }
        let permitted: Vec<_> =
            all.into_iter().filter(|address| self.permits(target, address.ip())).collect();
        let mut failure = FetchError::Inside { host: target.host.clone() };
        for address in permitted.into_iter().take(limit::FETCH_ADDRESSES_MAX) {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = target.unreachable(error),
            }
        }
        Err(failure)
    }

    pub(super) fn permits(&self, target: &Target, address: IpAddr) -> bool {
        target.is_excepted
            || is_global(address)
            || self.exceptions.nets.iter().any(|net| net.contains(&address))
    }

    async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, FetchError> {
        match &self.names {
            Names::System => lookup_host((target.host.as_str(), target.port))
                .await
                .map(Iterator::collect)
                .map_err(|_| FetchError::Unresolved { host: target.host.clone() }),
            #[cfg(test)]
            Names::Fixed(look_up) => {
                let with_port = |ip| SocketAddr::new(ip, target.port);
                Ok(look_up(&target.host).into_iter().map(with_port).collect())
            }
        }
    }
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher").field("exceptions", &self.exceptions).finish_non_exhaustive()
    }
}

fn request(
    method: Method,
    target: &Target,
    who: &Authorization,
    form: Option<String>,
) -> Result<Request<Full<bytes::Bytes>>, FetchError> {
    let mut builder = Request::builder()
        .method(method)
        .uri(&target.path)
        .header(header::HOST, &target.host_header)
        .header(header::USER_AGENT, "ringfence")
        .header(header::ACCEPT, "application/json")
        .header(header::CONNECTION, "close");
    if let Some(value) = credentials(who)? {
        builder = builder.header(header::AUTHORIZATION, value);
    }
    if form.is_some() {
        builder = builder.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    builder.body(Full::from(form.unwrap_or_default())).map_err(|_| FetchError::Url)
}

fn credentials(who: &Authorization) -> Result<Option<HeaderValue>, FetchError> {
    use base64::Engine as _;
    let text = match who {
        Authorization::None => return Ok(None),
        Authorization::Bearer(token) => format!("Bearer {}", token.expose()),
        Authorization::Basic(name, password) => {
            let pair = format!("{name}:{}", password.expose());
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        }
    };
    let mut value = HeaderValue::try_from(text).map_err(|_| FetchError::Url)?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// One request and its answer on a connection of its own.
async fn converse<S>(
    stream: S,
    target: &Target,
    request: Request<Full<bytes::Bytes>>,
) -> Result<Answer, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let host = || target.host.clone();
    let protocol = |source| FetchError::Protocol { host: host(), source };
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(limit::FETCH_HEAD_BYTES_MAX)
        .max_headers(limit::HTTP_HEADERS_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(protocol)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(protocol)?;
        let status = response.status();
        if status.is_redirection() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(FetchError::Redirect { host: host() });
        }
        let body = Limited::new(response.into_body(), limit::FETCH_BODY_BYTES_MAX);
        let body =
            body.collect().await.map_err(|error| match error.downcast::<hyper::Error>() {
                Ok(source) => protocol(*source),
                Err(_) => FetchError::TooLong { host: host() },
            })?;
        Ok(Answer { status: status.as_u16(), body: body.to_bytes() })
    };
    // The connection is driven here and not by a task: it ends with this future, come what may.
    tokio::pin!(exchange);
    tokio::pin!(connection);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        // What it had to say has been handed over, an error too.
        _ended = &mut connection => exchange.await,
    }
}
