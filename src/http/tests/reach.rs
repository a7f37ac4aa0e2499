//! Nobody reaches somebody who has more than they, by whatever route.

use serde_json::json;

use super::Edge;
use crate::access::Role;

#[tokio::test]
async fn x05_sec_a23_whoever_has_less_changes_nothing_of_whoever_has_more() {
    let edge = Edge::new().await;
    let low = edge.add(edge.home(), "330", Role::Member, 9).await;
    let owner = edge.agent("1009").member.user.id;
    let session = edge.sign_in("1009").await;
    let cookie = edge.sign_in_by_link(low.user.id).await;
    let headers = [("cookie", cookie.as_str())];
    let user = format!("/api/v1/users/{owner}");
    let listed = edge.get("/api/v1/sessions", &headers).await;
    let theirs = listed.body["items"].as_array().unwrap().iter();
    let theirs = theirs.filter(|row| row["user"]["id"] == json!(owner.to_string()));
    let ids: Vec<_> = theirs.map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    assert!(!ids.is_empty());
    for (method, path, body) in [
        ("POST", format!("{user}/password-reset"), json!({})),
        ("POST", format!("{user}/sessions/end-all"), json!({})),
        ("POST", format!("{user}/second-factor/reset"), json!({})),
        ("DELETE", format!("/api/v1/sessions/{}", ids[0]), json!(null)),
        ("PATCH", user.clone(), json!({"disabled": true})),
        ("DELETE", user.clone(), json!(null)),
    ] {
        let answer = edge.write(method, &path, &headers, &body).await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text);
    }
    assert_eq!(edge.get("/api/v1/me", &[("cookie", &session)]).await.status, 200);
    let mail = json!({"host": "localhost", "port": 25, "from": "a@b.de", "tls": "implicit"});
    let mail = edge.write("PUT", "/api/v1/settings/mail", &headers, &mail).await;
    assert_eq!(mail.status, 403, "everybody's mail goes where owners say: {}", mail.text);
}
