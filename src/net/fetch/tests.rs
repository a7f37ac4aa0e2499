//! The client against small servers of the tests' own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::client::Names;
use super::url::Target;
use super::{Answer, Authorization, Exceptions, FetchError, Fetcher};
use crate::base::Secret;
use crate::net::tls::{Identity, server_config};

/// Answers every connection with `answer`; gives the requests it saw on the channel.
async fn server(answer: &'static [u8]) -> (u16, tokio::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("address").port();
    let (sender, receiver) = tokio::sync::mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                let read = stream.read(&mut buffer).await.unwrap_or(0);
                let _ = sender.send(String::from_utf8_lossy(&buffer[..read]).into_owned()).await;
                let _ = stream.write_all(answer).await;
            });
        }
    });
    (port, receiver)
}

fn excepting(origin: &str) -> Fetcher {
    let origins = vec![origin.parse().expect("origin")];
    Fetcher::new(Exceptions { origins, ..Exceptions::default() }).expect("fetcher")
}

fn strict() -> Fetcher {
    Fetcher::new(Exceptions::default()).expect("fetcher")
}

async fn get(fetcher: &Fetcher, url: &str) -> Result<Answer, FetchError> {
    fetcher.get(url, &Authorization::None).await
}

#[tokio::test]
async fn an_excepted_origin_is_fetched_and_asked_without_cookies_or_compression() {
    let (port, mut seen) = server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
    let origin = format!("http://127.0.0.1:{port}");
    let answer = get(&excepting(&origin), &format!("{origin}/a?b=c")).await.expect("answer");
    assert_eq!((answer.status, answer.body.as_ref()), (200, b"hi".as_slice()));
    let request = seen.recv().await.expect("request").to_ascii_lowercase();
    assert!(request.starts_with("get /a?b=c http/1.1\r\n"));
    assert!(request.contains(&format!("host: 127.0.0.1:{port}\r\n")));
    assert!(!request.contains("cookie") && !request.contains("accept-encoding"));
}

#[tokio::test]
async fn a_form_is_posted_with_its_credentials_in_the_header() {
    let (port, mut seen) = server(b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n").await;
    let origin = format!("http://127.0.0.1:{port}");
    let who = Authorization::Basic("me".into(), Secret::new("pass"));
    let fields = [("code", "a&b")];
    let answer = excepting(&origin).post_form(&origin, &who, &fields).await.expect("answer");
    assert_eq!(answer.status, 400);
    let request = seen.recv().await.expect("request");
    assert!(request.starts_with("POST / HTTP/1.1\r\n") && request.ends_with("\r\n\r\ncode=a%26b"));
    assert!(request.contains("authorization: Basic bWU6cGFzcw=="));
    assert!(!format!("{who:?}").contains("pass"));
}

#[tokio::test]
async fn sec_w11_inside_addresses_are_refused_however_they_are_written() {
    for url in [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://017700000001/",
        "https://localhost/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::]/",
        "https://0.0.0.0/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "https://100.64.0.1/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
        "https://[64:ff9b::7f00:1]/",
    ] {
        let refused = get(&strict(), url).await;
        assert!(
            matches!(refused, Err(FetchError::Inside { .. } | FetchError::Unresolved { .. })),
            "{url}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn sec_w11_only_https_on_its_own_port_and_no_user_name() {
    for url in ["http://example.com/", "https://example.com:8443/", "http://127.0.0.1:1/"] {
        let refused = get(&strict(), url).await;
        assert!(matches!(refused, Err(FetchError::Origin { .. })), "{url}");
    }
    let refused = get(&strict(), "https://example.com@127.0.0.1/").await;
    assert!(matches!(refused, Err(FetchError::Url)));
    // An exception is for the whole origin and no more.
    let fetcher = excepting("http://127.0.0.1:8080");
    assert!(fetcher.check("http://127.0.0.1:8080/any").is_ok());
    assert!(fetcher.check("http://127.0.0.1:8081/any").is_err());
    assert!(fetcher.check("http://127.0.0.1/any").is_err());
}

#[tokio::test]
async fn sec_w11_a_name_is_looked_up_once_and_the_checked_address_is_the_one_connected_to() {
    let lookups = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lookups);
    let mut fetcher = strict();
    // Public at first, inside at the second question: what a rebinding name server does.
    fetcher.names = Names::Fixed(Arc::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => vec!["10.0.0.1".parse().expect("address"), "::1".parse().expect("address")],
        _ => vec!["127.0.0.1".parse().expect("address")],
    }));
    let refused = get(&fetcher, "https://rebind.example/").await;
    assert!(matches!(refused, Err(FetchError::Inside { .. })));
    assert_eq!(lookups.load(Ordering::SeqCst), 1);
    let refused = get(&fetcher, "https://rebind.example/").await;
    assert!(matches!(refused, Err(FetchError::Inside { .. })));
}

#[tokio::test]
async fn sec_w11_of_mixed_addresses_only_the_permitted_ones_are_tried() {
    let (port, mut seen) = server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let mut fetcher = strict();
    fetcher.exceptions = Arc::new(Exceptions {
        nets: vec!["127.0.0.1/32".parse().expect("net")],
        ..Exceptions::default()
    });
    fetcher.names = Names::Fixed(Arc::new(|_| {
        vec!["127.0.0.2".parse().expect("address"), "127.0.0.1".parse().expect("address")]
    }));
    let mut target = Target::parse(&format!("http://mixed.example:{port}/")).expect("target");
    assert!(!fetcher.permits(&target, "127.0.0.2".parse().expect("address")));
    let stream = fetcher.connect(&target).await.expect("connected");
    assert_eq!(stream.peer_addr().expect("peer").ip().to_string(), "127.0.0.1");
    drop(stream);
    target.is_excepted = true;
    assert!(fetcher.permits(&target, "127.0.0.2".parse().expect("address")));
    assert_eq!(seen.recv().await.as_deref(), Some(""));
}

#[tokio::test]
async fn sec_w12_a_redirect_is_an_error_and_not_followed() {
    let (port, mut seen) = server(
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    let origin = format!("http://127.0.0.1:{port}");
    let refused = get(&excepting(&origin), &origin).await;
    assert!(matches!(refused, Err(FetchError::Redirect { .. })), "{refused:?}");
    assert!(seen.recv().await.is_some());
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
async fn an_answer_that_is_too_long_or_no_http_is_an_error() {
    static LONG: [u8; 1_200_000] = {
        let mut text = [b'x'; 1_200_000];
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1199955\r\n\r\n";
        let mut at = 0;
        while at < head.len() {
            text[at] = head[at];
            at += 1;
        }
        text
    };
    let (port, _seen) = server(&LONG).await;
    let origin = format!("http://127.0.0.1:{port}");
    let refused = get(&excepting(&origin), &origin).await;
    assert!(matches!(refused, Err(FetchError::TooLong { .. })), "{refused:?}");
    let (port, _seen) = server(b"220 mail.example ESMTP\r\n").await;
    let origin = format!("http://127.0.0.1:{port}");
    let refused = get(&excepting(&origin), &origin).await;
    assert!(matches!(refused, Err(FetchError::Protocol { .. })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_ends_is_given_up_in_time() {
    let (port, _seen) = server(b"").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let silent = format!("http://{}", listener.local_addr().expect("address"));
    let refused = get(&excepting(&silent), &silent).await;
    assert!(matches!(refused, Err(FetchError::Timeout)), "{refused:?}");
    drop(listener);
    let origin = format!("http://127.0.0.1:{port}");
    let refused = get(&excepting(&origin), &origin).await;
    assert!(matches!(refused, Err(FetchError::Protocol { .. } | FetchError::Timeout)));
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_when_it_is_given() {
    let key = KeyPair::generate().expect("key");
    let certificate = CertificateParams::new(vec!["localhost".into()])
        .expect("names")
        .self_signed(&key)
        .expect("signed");
    let identity = Identity {
        chain: vec![certificate.der().clone()],
        key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
    };
    let acceptor = TlsAcceptor::from(Arc::new(server_config(identity).expect("config")));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let origin = format!("https://localhost:{}", listener.local_addr().expect("address").port());
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
            let _ = tls.read(&mut [0; 1024]).await;
            let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let refused = get(&excepting(&origin), &origin).await;
    assert!(matches!(refused, Err(FetchError::Connect { .. })), "{refused:?}");
    let trusting = Fetcher::new(Exceptions {
        origins: vec![origin.parse().expect("origin")],
        authorities_pem: Some(certificate.pem()),
        ..Exceptions::default()
    });
    let answer = get(&trusting.expect("fetcher"), &origin).await.expect("answer");
    assert_eq!(answer.status, 200);
    let nonsense = Exceptions { authorities_pem: Some("nonsense".into()), ..Exceptions::default() };
    assert!(Fetcher::new(nonsense).is_err());
}
