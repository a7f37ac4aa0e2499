//! `GET /ws`: phones' sockets, checked before their upgrade.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::*;
use crate::access::{Actor, Of};
use crate::base::limit;
use crate::store::Ending;

#[tokio::test]
async fn an_upgrade_is_answered_with_the_subprotocol_and_without_compression() {
    let mut edge = Edge::new().await;
    let extensions = ("sec-websocket-extensions", "permessage-deflate");
    let head = edge.upgrade("/ws", &[extensions, ("user-agent", "Phone/1")]).await.to_lowercase();
    assert_eq!(status_of(&head), 101, "{head}");
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    assert!(head.contains("sec-websocket-protocol: sip\r\n"), "{head}");
    assert!(!head.contains("extensions"), "{head}");
    let (_, phone) = edge.arrived.recv().await.unwrap();
    assert_eq!(phone.principal, None, "the first REGISTER must say who");
    assert_eq!((phone.remote, phone.user_agent.as_deref()), (remote(), Some("Phone/1")));
}

#[tokio::test]
async fn a_socket_carries_messages_both_ways_and_refuses_what_is_too_long() {
    let mut edge = Edge::new().await;
    let mut request = "ws://localhost:8080/ws".into_client_request().unwrap();
    request.headers_mut().insert("origin", ORIGIN.parse().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", "sip".parse().unwrap());
    let connection = edge.connect();
    let (mut browser, _) = tokio_tungstenite::client_async(request, connection).await.unwrap();
    let (mut phone, _) = edge.arrived.recv().await.unwrap();
    let longest = "a".repeat(limit::SIP_MESSAGE_BYTES_MAX);
    browser.send(Message::text(longest.clone())).await.unwrap();
    assert_eq!(phone.next().await.unwrap().unwrap(), Message::text(longest.clone()));
    phone.send(Message::text("SIP/2.0 200 OK")).await.unwrap();
    assert_eq!(browser.next().await.unwrap().unwrap(), Message::text("SIP/2.0 200 OK"));
    browser.send(Message::text(format!("{longest}a"))).await.unwrap();
    assert!(phone.next().await.unwrap().is_err());
}

#[tokio::test]
async fn sec_w01_c46_an_upgrade_is_checked_in_order_before_any_session() {
    let edge = Edge::new().await;
    for (headers, status, words) in [
        (vec![("upgrade", "-")], 426, "WebSocket"),
        (vec![("connection", "close")], 426, "WebSocket"),
        (vec![("sec-websocket-version", "8")], 426, "version 13"),
        (vec![("sec-websocket-key", "-")], 400, "Sec-WebSocket-Key"),
        (vec![("sec-websocket-key", "c2hvcnQ=")], 400, "16 bytes"),
        (vec![("origin", "-")], 403, "origin"),
        (vec![("origin", "https://evil.example")], 403, "origin"),
        (vec![("origin", "null")], 403, "origin"),
        (vec![("origin", "https://localhost:8080")], 403, "origin"),
        (vec![("origin", "http://localhost:8080.evil.example")], 403, "origin"),
        (vec![("sec-websocket-protocol", "-")], 400, "subprotocol `sip`"),
        (vec![("sec-websocket-protocol", "sipp, mqtt")], 400, "subprotocol `sip`"),
        (vec![("origin", "null"), ("authorization", "Bearer x")], 403, "origin"),
        (vec![("authorization", "Bearer x")], 401, "token"),
        (vec![("authorization", "Basic eDp5")], 401, "Bearer"),
    ] {
        let answer = edge.upgrade("/ws", &headers).await;
        assert_eq!(status_of(&answer), status, "{headers:?}: {answer}");
        assert!(answer.contains(words), "{words} not in {answer}");
        assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    }
    let old = format!("GET /ws HTTP/1.0\r\nHost: x\r\nOrigin: {ORIGIN}\r\n\r\n");
    assert_eq!(status_of(&edge.exchange(old.as_bytes()).await), 400);
}

#[tokio::test]
async fn k13_sec_w18_a_credential_that_comes_with_the_upgrade_is_checked_before_101() {
    let mut edge = Edge::new().await;
    let cookie = edge.sign_in("1005").await;
    let ticket = edge.post("/api/v1/ticket", &[("cookie", &cookie)], &json!({})).await;
    let ticket = format!("/ws?ticket={}", ticket.body["ticket"].as_str().unwrap());
    let bearer = format!("Bearer {}", edge.agent("1001").token.expose());
    for (path, headers, number) in [
        ("/ws", vec![("cookie", cookie.as_str())], "1005"),
        ("/ws", vec![("authorization", bearer.as_str())], "1001"),
        ("/ws", vec![("authorization", bearer.as_str()), ("cookie", cookie.as_str())], "1001"),
        (ticket.as_str(), vec![], "1005"),
    ] {
        let answer = edge.upgrade(path, &headers).await;
        assert_eq!(status_of(&answer), 101, "{headers:?}: {answer}");
        let (_, phone) = edge.arrived.recv().await.unwrap();
        assert_eq!(&*phone.principal.unwrap().number, number);
    }
    let again = edge.upgrade(&ticket, &[]).await;
    assert!(status_of(&again) == 401 && again.contains("ticket_invalid"), "{again}");
    let planted = format!("ringfence-dev={}", "a".repeat(43));
    assert_eq!(status_of(&edge.upgrade("/ws", &[("cookie", &planted)]).await), 401);
    for path in
        [&format!("/ws?token={}", edge.agent("1001").token.expose()), "/ws?ticket=a&ticket=b"]
    {
        let answer = edge.upgrade(path, &[]).await;
        assert!(status_of(&answer) == 400 && answer.contains("bad_query"), "{answer}");
    }
}

#[tokio::test]
async fn k13_a_token_of_too_low_a_level_or_of_an_ended_session_opens_no_socket() {
    let edge = Edge::new().await;
    let access = &edge.services.access;
    let member = &edge.agent("1001").member;
    let low = access.mint_for(member, Level::NONE).await.unwrap().token;
    let answer =
        edge.upgrade("/ws", &[("authorization", &format!("Bearer {}", low.expose()))]).await;
    assert!(status_of(&answer) == 403 && answer.contains("level_too_low"), "{answer}");
    let token = edge.agent("1001").token.expose();
    let bearer = format!("Bearer {token}");
    let principal = access.check_token(token).unwrap();
    let (of, id) = (Of::User(principal.user_id), principal.session_id);
    access.sessions().end(&Actor::system(), of, id, Ending::Revoked).await.unwrap();
    let answer = edge.upgrade("/ws", &[("authorization", &bearer)]).await;
    assert!(status_of(&answer) == 401 && answer.contains("session_ended"), "{answer}");
    edge.clock.advance(Duration::from_secs(600));
    let late = format!("Bearer {}", edge.agent("1005").token.expose());
    let answer = edge.upgrade("/ws", &[("authorization", &late)]).await;
    assert!(status_of(&answer) == 401 && answer.contains("token_expired"), "{answer}");
}

#[tokio::test]
async fn d01_a_full_server_refuses_sockets_before_their_upgrade() {
    let edge = Edge::new().await;
    *edge.phones.has_room.lock().unwrap() = false;
    let answer = edge.upgrade("/ws", &[]).await.to_lowercase();
    assert!(status_of(&answer) == 503 && answer.contains("retry-after: 10"), "{answer}");
}
