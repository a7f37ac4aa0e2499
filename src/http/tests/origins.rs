//! Where requests come from: other sites change nothing, other origins read nothing.

use super::*;

#[tokio::test]
async fn sec_w03_a_request_from_another_site_changes_nothing() {
    let edge = Edge::new().await;
    let cookie = edge.sign_in("1001").await;
    let json = ("content-type", "application/json");
    let cookie = ("cookie", cookie.as_str());
    let cases: [(&[(&str, &str)], u16); 9] = [
        (&[json, cookie, ("origin", "https://evil.example")], 403),
        (&[json, cookie, ("origin", "null")], 403),
        (&[json, cookie, ("sec-fetch-site", "cross-site")], 403),
        (&[json, cookie, ("sec-fetch-site", "same-site")], 403),
        (&[json, cookie, ("sec-fetch-site", "none")], 403),
        (&[json, cookie], 403),
        (&[("content-type", "text/plain"), cookie, ("origin", ORIGIN)], 415),
        (&[("content-type", "application/x-www-form-urlencoded"), cookie, ("origin", ORIGIN)], 415),
        (&[cookie, ("origin", ORIGIN)], 415),
    ];
    for (headers, status) in cases {
        let answer = edge.send(request("POST", "/api/v1/logout", headers, "{}".into())).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    assert_eq!(edge.get("/api/v1/me", &[cookie]).await.status, 200, "still signed in");
    for path in ["/api/v1/logout", "/api/v1/token", "/api/v1/ticket", "/api/v1/login"] {
        let answer = edge.get(path, &[cookie]).await;
        assert_eq!((answer.status, answer.code()), (405, "method_not_allowed"), "{path}");
    }
    let own = [json, cookie, ("sec-fetch-site", "same-origin")];
    let answer = edge.send(request("POST", "/api/v1/logout", &own, "{}".into())).await;
    assert_eq!(answer.status, 204);
    let foreign = [json, ("origin", "https://evil.example")];
    let login = r#"{"user":"1001","password":"x"}"#.to_string();
    let answer = edge.send(request("POST", "/api/v1/login", &foreign, login)).await;
    assert_eq!(answer.status, 403, "nobody is signed in from elsewhere");
}

#[tokio::test]
async fn sec_w02_a37_only_origins_on_the_list_are_answered_across_origins() {
    let edge = Edge::new().await;
    let allowed = edge.get("/api/v1/me", &[("origin", "https://localhost:8443")]).await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://localhost:8443"));
    assert_eq!(allowed.header("access-control-allow-credentials"), Some("true"));
    for origin in
        ["https://evil.example", "null", "http://localhost:8081", "http://localhost:8080.evil"]
    {
        for method in ["GET", "OPTIONS"] {
            let answer = edge
                .send(request(method, "/api/v1/me", &[("origin", origin)], String::new()))
                .await;
            assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
            assert_eq!(answer.header("vary"), Some("Origin"));
        }
    }
}
