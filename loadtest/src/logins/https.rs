//! A connection that asks one thing after the other, as a page does.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, COOKIE, HOST, ORIGIN, RETRY_AFTER, SET_COOKIE};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::json;

use crate::client::Dialer;

/// One connection.
pub struct Https {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    /// The session's, once there is one.
    cookies: String,
}

/// What came of trying to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// A session began.
    Done,
    /// 503: to be tried again after so long.
    Busy(Duration),
    /// Another status.
    Refused(u16),
}

impl Https {
    /// TCP from `source`, and TLS.
    pub async fn open(dialer: &Dialer, source: Ipv4Addr) -> Result<Self> {
        let tls = dialer.tls_from(source).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(tls)).await?;
        tokio::spawn(async move {
            // Its end is seen by who asks next.
            let _ = connection.await;
        });
        Ok(Self { sender, host: dialer.host(), cookies: String::new() })
    }

    /// Signs in with a password.
    pub async fn sign_in(&mut self, user: &str, password: &str) -> Result<SignIn> {
        let body = json!({ "user": user, "password": password }).to_string();
        let (status, headers) = self.ask(Method::POST, "/api/v1/login", body).await?;
        Ok(match status {
            200 => {
                let pairs = headers.get_all(SET_COOKIE).iter().filter_map(|cookie| {
                    cookie.to_str().ok()?.split(';').next().map(str::to_owned)
                });
                self.cookies = pairs.collect::<Vec<_>>().join("; ");
                SignIn::Done
            }
            503 => {
                let wait =
                    headers.get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.parse().ok());
                SignIn::Busy(Duration::from_secs(wait.context("503 without Retry-After")?))
            }
            other => SignIn::Refused(other),
        })
    }

    /// Asks who one is, as every page does.
    pub async fn look(&mut self) -> Result<()> {
        let (status, _) = self.ask(Method::GET, "/api/v1/me", String::new()).await?;
        anyhow::ensure!(status == 200, "GET /api/v1/me: {status}");
        Ok(())
    }

    async fn ask(&mut self, method: Method, path: &str, body: String) -> Result<(u16, HeaderMap)> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host)
            .header(ORIGIN, format!("https://{}", self.host))
            .header(COOKIE, &self.cookies)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body))?;
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        body.collect().await?;
        Ok((head.status.as_u16(), head.headers))
    }
}
