//! As much of a browser as a sign-in needs: cookies, redirects until they leave the provider, and
//! the form that posts itself.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::oidc::Callback;

/// A test that waits longer fails and says for what.
const PATIENCE: Duration = Duration::from_secs(30);

/// Follows `url` until `redirect_uri` is reached; gives what it was sent there.
pub(super) async fn visit(url: &str, redirect_uri: &str) -> Callback {
    let mut cookies: BTreeMap<String, String> = BTreeMap::new();
    let mut url = url.to_owned();
    for _ in 0..10 {
        let rest = url.strip_prefix("http://").expect("plain http");
        let (host, path) = rest.split_once('/').expect("a path");
        let sent: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = format!(
            "GET /{path} HTTP/1.1\r\nHost: {host}\r\nCookie: {}\r\nConnection: close\r\n\r\n",
            sent.join("; ")
        );
        let mut stream = TcpStream::connect(host).await.expect("connected");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        let reading = stream.read_to_end(&mut answer);
        let read = tokio::time::timeout(PATIENCE, reading).await;
        read.unwrap_or_else(|_| panic!("no end of the answer to {request}")).expect("answer");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").expect("head");
        let header = |line: &str, name: &str| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        };
        for cookie in head.lines().filter_map(|line| header(line, "set-cookie")) {
            let (name, value) = cookie.split_once('=').expect("cookie");
            let value = value.split(';').next().unwrap_or_default();
            cookies.insert(name.to_owned(), value.to_owned());
        }
        let Some(location) = head.lines().find_map(|line| header(line, "location")) else {
            assert!(body.contains(&format!("action=\"{redirect_uri}\"")), "{answer}");
            return posted(body);
        };
        if let Some(query) = location.strip_prefix(redirect_uri) {
            return queried(query.trim_start_matches('?'));
        }
        url = if location.starts_with('/') { format!("http://{host}{location}") } else { location };
    }
    panic!("too many redirects");
}

fn queried(query: &str) -> Callback {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    callback(pairs.map(|(name, value)| (name.to_owned(), unescape(value))))
}

/// The hidden fields of the form.
fn posted(page: &str) -> Callback {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!("{name}=\""))?;
        rest.split('"').next().map(|value| value.replace("&amp;", "&"))
    };
    let fields = page.split("<input").skip(1);
    callback(fields.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?))))
}

fn callback(fields: impl Iterator<Item = (String, String)>) -> Callback {
    let fields: serde_json::Map<_, _> =
        fields.map(|(name, value)| (name, serde_json::Value::String(value))).collect();
    serde_json::from_value(fields.into()).expect("a callback")
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes().iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex = [rest.next(), rest.next()].map(|digit| *digit.expect("two digits"));
                u8::from_str_radix(std::str::from_utf8(&hex).expect("ASCII"), 16).expect("hex")
            }
            b'+' => b' ',
            other => *other,
        });
    }
    String::from_utf8(bytes).expect("UTF-8")
}
