//! A small provider whose every answer a test writes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::net::fetch::{Exceptions, Fetcher};
use crate::oidc::{OidcClient, Provider};

#[derive(Default)]
struct State {
    /// By path: status line and body.
    answers: HashMap<String, (String, String)>,
    /// Paths asked for, with the body of a form.
    seen: Vec<(String, String)>,
}

#[derive(Clone)]
pub(super) struct Liar {
    pub(super) issuer: String,
    state: Arc<Mutex<State>>,
}

impl Liar {
    /// With a right discovery document.
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let issuer = format!("http://{}", listener.local_addr().expect("address"));
        let liar = Self { issuer: issuer.clone(), state: Arc::default() };
        let state = Arc::clone(&liar.state);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read(&mut stream).await;
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                let body = request.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned();
                let answer = {
                    let mut state = state.lock().expect("state");
                    state.seen.push((path.clone(), body));
                    let nothing = || ("404 Not Found".to_owned(), String::new());
                    let (status, body) = state.answers.get(&path).cloned().unwrap_or_else(nothing);
                    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
                };
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        let document = serde_json::json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize?tenant=1"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"),
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        });
        liar.answer(DOCUMENT, "200 OK", &document.to_string());
        liar
    }

    pub(super) fn answer(&self, path: &str, status: &str, body: &str) {
        let answer = (status.to_owned(), body.to_owned());
        self.state.lock().expect("state").answers.insert(path.to_owned(), answer);
    }

    pub(super) fn asked(&self, path: &str) -> usize {
        self.state.lock().expect("state").seen.iter().filter(|(seen, _)| seen == path).count()
    }

    pub(super) fn last_form(&self) -> String {
        self.state.lock().expect("state").seen.last().expect("a request").1.clone()
    }

    pub(super) fn client(&self) -> OidcClient {
        let origins = vec![self.issuer.parse().expect("origin")];
        let exceptions = Exceptions { origins, ..Exceptions::default() };
        OidcClient::new(Fetcher::new(exceptions).expect("fetcher"))
    }

    pub(super) fn provider(&self) -> Provider {
        Provider::generic("liar", &self.issuer, "us")
    }
}

pub(super) const DOCUMENT: &str = "/.well-known/openid-configuration";

/// A request's head and, by its length, its body.
async fn read(stream: &mut tokio::net::TcpStream) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if read == 0 {
                return text;
            }
            continue;
        };
        let length = head
            .lines()
            .filter_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
            })
            .next()
            .unwrap_or(0);
        if read == 0 || body.len() >= length {
            return text;
        }
    }
}
