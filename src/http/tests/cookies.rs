//! Cookies as browsers get them.

use super::*;

#[tokio::test]
async fn a09_a34_the_cookie_is_for_https_alone_and_given_again_once_a_day() {
    let edge = Edge::in_production().await;
    let user = edge.agent("1001").member.user.id;
    let key = edge.services.access.start_links().make(user).unwrap();
    let headers = [("content-type", "application/json"), ("sec-fetch-site", "same-origin")];
    let body = json!({"key": key.expose()}).to_string();
    let start = request("POST", "/api/v1/start", &headers, body);
    let answer = edge.send_over(ListenerKind::Tls, start).await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-ringfence="), "{cookie}");
    for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Strict", "; Secure", "; Max-Age="] {
        assert!(cookie.contains(attribute), "{attribute} not in {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let value = answer.cookie();
    let me = async || {
        let me = request("GET", "/api/v1/me", &[("cookie", &value)], String::new());
        edge.send_over(ListenerKind::Tls, me).await
    };
    assert_eq!(me().await.header("set-cookie"), None);
    for _ in 0..3 {
        edge.clock.advance(Duration::from_secs(7 * 3600));
        assert_eq!(me().await.header("set-cookie"), None, "not yet a day");
    }
    edge.clock.advance(Duration::from_secs(4 * 3600));
    let refreshed = me().await;
    assert_eq!(refreshed.status, 200);
    assert_eq!(refreshed.header("set-cookie"), Some(cookie), "the same again");
    assert_eq!(me().await.header("set-cookie"), None);
    let plain = request("GET", "/api/v1/me", &[("cookie", &value)], String::new());
    assert_eq!(edge.send(plain).await.status, 401, "not over plain HTTP");
}

#[tokio::test]
async fn a33_b32_the_life_of_a_cookie_follows_the_policy() {
    let edge = Edge::new().await;
    let age = async |edge: &Edge| {
        let user = edge.agent("1001").member.user.id;
        let key = edge.services.access.start_links().make(user).unwrap();
        let answer = edge.post("/api/v1/start", &[], &json!({"key": key.expose()})).await;
        let cookie = answer.header("set-cookie").unwrap().to_string();
        let age = cookie.split("Max-Age=").nth(1).unwrap().split(';').next().unwrap();
        age.parse::<u64>().unwrap()
    };
    let system = crate::access::Actor::system();
    let settings = edge.services.access.settings();
    assert_eq!(age(&edge).await, (8 + 24) * 3600);
    settings.apply_preset(&system, edge.home(), "workspace").await.unwrap();
    assert_eq!(age(&edge).await, 8 * 24 * 3600);
    let values = [("session.absolute_max".to_string(), json!(3600))].into();
    settings.change(&system, edge.home(), &values).await.unwrap();
    assert_eq!(age(&edge).await, 3600);
}
