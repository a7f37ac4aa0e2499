//! Rate limits at the edge.

use super::*;

async fn burst(edge: &Edge, from: &str, method: &str, path: &str, most: usize) -> Option<usize> {
    for count in 1..=most {
        let headers = [("content-type", "application/json"), ("origin", ORIGIN)];
        let request = request(method, path, &headers, "{}".into());
        let answer = edge.send_from(at(from), ListenerKind::Plain, request).await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").is_some(), "{path}");
            return Some(count);
        }
        assert!(answer.header("ratelimit-limit").is_some(), "{method} {path} {}", answer.status);
    }
    None
}

#[tokio::test]
async fn a29_c16_a_burst_on_any_address_of_a_fresh_server_ends_in_429() {
    let edge = Edge::new().await;
    for (number, (method, path, most)) in [
        ("GET", "/api/v1/me", 301),
        ("GET", "/api/v1/nothing", 301),
        ("POST", "/api/v1/login", 11),
        ("POST", "/api/v1/public/contact", 6),
        ("GET", "/api/openapi.json", 3_001),
        ("GET", "/nothing.js", 3_001),
        ("DELETE", "/api/v1/me", 301),
        ("OPTIONS", "/api/v1/me", 3_001),
        ("GET", "/ws", 3_001),
    ]
    .into_iter()
    .enumerate()
    {
        let from = format!("10.0.{number}.1");
        assert_eq!(burst(&edge, &from, method, path, most + 1).await, Some(most), "{path}");
    }
}

#[tokio::test]
async fn a32_a_refusal_says_what_is_full_and_waiting_that_long_is_enough() {
    let edge = Edge::new().await;
    let get = async || edge.get("/api/v1/sign-in-options", &[]).await;
    let first = get().await;
    let number = |answer: &Answer, name: &str| answer.header(name).unwrap().parse::<u64>().unwrap();
    assert_eq!(number(&first, "ratelimit-limit"), 300);
    assert_eq!(number(&first, "ratelimit-remaining"), 299);
    assert!(number(&first, "ratelimit-reset") <= 60);
    let mut last = first;
    while last.status != 429 {
        last = get().await;
    }
    assert_eq!(last.header("content-type"), Some("application/problem+json"));
    assert_eq!(
        (&last.body["error"], &last.body["code"]),
        (&json!("rate_limited"), &json!("rate_limited"))
    );
    assert_eq!((&last.body["scope"], &last.body["limit"]), (&json!("ip"), &json!(300)));
    let wait = last.body["retry_after"].as_u64().unwrap();
    assert_eq!(number(&last, "retry-after"), wait);
    assert_eq!(number(&last, "ratelimit-remaining"), 0);
    edge.clock.advance(Duration::from_secs(wait));
    assert_eq!(get().await.status, 200);
}

#[tokio::test]
async fn a30_sec_w08_the_sixth_form_in_an_hour_is_refused_and_no_header_helps() {
    let edge = Edge::new().await;
    let book = async |from: &str, claims: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("origin", ORIGIN),
            ("x-forwarded-for", claims),
            ("forwarded", &format!("for={claims}")),
        ];
        let body = json!({"name": "Ann", "email": "ann@example.com", "wanted_at": "soon",
            "words": "please"});
        let request = request("POST", "/api/v1/public/demo-bookings", &headers, body.to_string());
        edge.send_from(at(from), ListenerKind::Plain, request).await
    };
    for count in 1..=5 {
        assert_eq!(book("203.0.113.7", &format!("9.9.9.{count}")).await.status, 201);
    }
    let sixth = book("203.0.113.7", "8.8.8.8").await;
    assert_eq!((sixth.status, &sixth.body["limit"]), (429, &json!(5)));
    assert_eq!(book("203.0.113.8", "8.8.8.8").await.status, 201, "another address");
    edge.clock.advance(Duration::from_secs(3600));
    assert_eq!(book("203.0.113.7", "8.8.8.8").await.status, 201, "an hour later");
}

#[tokio::test]
async fn sec_w08_behind_a_trusted_proxy_each_client_is_counted_on_its_own() {
    let edge = Edge::of(Mode::Development, &["10.0.0.0/8"]).await;
    let get = async |client: &str| {
        let headers = [("x-forwarded-for", client)];
        let request = request("GET", "/api/v1/me", &headers, String::new());
        edge.send_from(at("10.0.0.1"), ListenerKind::Plain, request).await
    };
    for _ in 0..300 {
        assert_eq!(get("1.2.3.4, 198.51.100.9").await.status, 401);
    }
    assert_eq!(get("5.6.7.8, 198.51.100.9").await.status, 429, "the left is invented");
    assert_eq!(get("198.51.100.10").await.status, 401);
}

#[tokio::test]
async fn a31_expensive_work_pauses_a_quarter_of_an_hour() {
    let edge = Edge::new().await;
    let mut cookie = edge.sign_in("1009").await;
    let test = async |cookie: &str| {
        let body = json!({"number": "123"});
        edge.post("/api/v1/dial-plan/test", &[("cookie", cookie)], &body).await
    };
    for _ in 0..20 {
        assert_eq!(test(&cookie).await.status, 200);
    }
    edge.clock.advance(Duration::from_secs(3500));
    let over = test(&cookie).await;
    assert_eq!((over.status, &over.body["retry_after"]), (429, &json!(900)));
    edge.clock.advance(Duration::from_secs(899));
    assert_eq!(test(&cookie).await.status, 429, "although the hour rolled over");
    edge.clock.advance(Duration::from_secs(2));
    assert_eq!(test(&cookie).await.status, 200);
    cookie.clear();
}

#[tokio::test]
async fn c17_a_key_may_ask_sixty_times_a_minute_and_less_when_the_server_is_busy() {
    let edge = Edge::new().await;
    let owner = edge.add(edge.home(), "313", Role::Owner, 9).await;
    let cookie = edge.sign_in_by_link(owner.user.id).await;
    let body = json!({"name": "k", "scopes": ["users:read"], "user": "p313", "password": PASSWORD});
    let made = edge.post("/api/v1/me/api-keys", &[("cookie", &cookie)], &body).await;
    let bearer = format!("Bearer {}", made.body["key"].as_str().unwrap());
    let get = async || edge.get("/api/v1/users", &[("authorization", &bearer)]).await;
    for _ in 0..60 {
        assert_eq!(get().await.status, 200);
    }
    let over = get().await;
    assert_eq!((over.status, &over.body["scope"]), (429, &json!("token")));
    edge.clock.advance(Duration::from_secs(61));
    let limit = async || get().await.header("ratelimit-limit").unwrap().to_string();
    assert_eq!(limit().await, "60");
    *edge.load.lock().unwrap() = 1000;
    assert_eq!(limit().await, "15", "a quarter, and never less");
    *edge.load.lock().unwrap() = 0;
    assert_eq!(limit().await, "60");
    *edge.load.lock().unwrap() = 1000;
    let token = edge.post("/api/v1/token", &[("cookie", &cookie)], &json!({})).await;
    let bearer = format!("Bearer {}", token.body["token"].as_str().unwrap());
    for _ in 0..100 {
        let answer = edge.upgrade("/ws", &[("authorization", &bearer)]).await;
        assert_eq!(status_of(&answer), 101, "signaling is not what is throttled: {answer}");
    }
}

#[tokio::test]
async fn a_right_password_costs_nothing_and_a_changed_limit_counts_at_once() {
    let edge = Edge::new().await;
    edge.add(edge.home(), "320", Role::Member, 1).await;
    let login = json!({"user": "p320", "password": PASSWORD});
    for _ in 0..12 {
        assert_eq!(edge.post("/api/v1/login", &[], &login).await.status, 200);
    }
    let values = [("rate.per_ip_per_minute".to_string(), json!(30))].into();
    let settings = edge.services.access.settings();
    settings.change(&crate::access::Actor::system(), edge.home(), &values).await.unwrap();
    let options = edge.get("/api/v1/sign-in-options", &[]).await;
    assert_eq!(options.header("ratelimit-limit"), Some("30"));
}
