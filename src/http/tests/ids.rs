//! Identities in addresses: nobody can guess one, and what is not theirs is not there.

use super::*;
use crate::access::policy::Endpoint;

#[tokio::test]
async fn b23_sec_a28_an_id_of_another_workspace_answers_like_one_that_never_was() {
    let edge = Edge::new().await;
    let owner = edge.add(edge.home(), "313", Role::Owner, 9).await;
    let cookie = edge.sign_in_by_link(owner.user.id).await;
    let workspaces = edge.services.access.organisation().workspaces();
    let (_, stranger) = workspaces
        .create(&Author::system(), "other", &person("401", Role::Owner, 9))
        .await
        .unwrap();
    let theirs = edge.sign_in_by_link(stranger.user.id).await;
    let number = json!({"number": "4930123", "label": "front desk"});
    let number = edge.post("/api/v1/numbers", &[("cookie", &theirs)], &number).await;
    assert_eq!(number.status, 201, "{}", number.body);
    let invite = json!({"email": "a@example.com", "role": "member", "number": "402"});
    let invite = edge.post("/api/v1/invites", &[("cookie", &theirs)], &invite).await;
    assert_eq!(invite.status, 201, "{}", invite.body);
    let key = json!({"name": "k", "scopes": ["users:read"], "user": "p401", "password": PASSWORD});
    let key = edge.post("/api/v1/me/api-keys", &[("cookie", &theirs)], &key).await;
    assert_eq!(key.status, 201, "{}", key.body);
    let sessions = edge.get("/api/v1/me/sessions", &[("cookie", &theirs)]).await;
    let text = |value: &Value| value.as_str().unwrap().to_string();
    let ids = [
        ("users", stranger.user.id.to_string()),
        ("numbers", text(&number.body["id"])),
        ("invites", text(&invite.body["id"])),
        ("api-keys", text(&key.body["id"])),
        ("sessions", text(&sessions.body["items"][0]["id"])),
    ];
    let mut checked = 0;
    for endpoint in Endpoint::ALL {
        let rule = endpoint.rule();
        let Some((_, id)) =
            ids.iter().find(|(kind, _)| rule.path.contains(&format!("/{kind}/{{id}}")))
        else {
            continue;
        };
        checked += 1;
        let body = match endpoint {
            Endpoint::ChangeNumber => json!({"label": "mine"}),
            Endpoint::ShareNumber => json!({"access": "owner"}),
            Endpoint::ExemptFactor => json!({"until": "2023-11-20T00:00:00Z", "reason": "ill"}),
            Endpoint::ChangeUser => json!({"display_name": "Mine"}),
            _ => json!({}),
        };
        let mut bodies = Vec::new();
        for id in [id.clone(), crate::access::UserId::random().to_string()] {
            let path = rule.path.replace("{id}", &id).replace("{user}", &owner.user.id.to_string());
            let answer = edge.write(rule.verb.as_str(), &path, &[("cookie", &cookie)], &body).await;
            assert_eq!(answer.status, 404, "{} {path}: {}", endpoint.name(), answer.body);
            bodies.push(answer.text);
        }
        assert_eq!(bodies[0], bodies[1], "{}", endpoint.name());
    }
    assert!(checked >= 18, "{checked}");
    let still = edge.get("/api/v1/me", &[("cookie", &theirs)]).await;
    assert_eq!(still.status, 200);
}

#[tokio::test]
async fn b23_an_id_has_one_spelling_and_none_is_counted_up() {
    let edge = Edge::new().await;
    let cookie = edge.sign_in("1009").await;
    let users = edge.get("/api/v1/users", &[("cookie", &cookie)]).await;
    let id = users.body["items"][0]["id"].as_str().unwrap().to_string();
    let path = |id: &str| format!("/api/v1/users/{id}");
    let get = async |id: &str| edge.get(&path(id), &[("cookie", &cookie)]).await;
    assert_eq!(get(&id).await.status, 200);
    assert_eq!(id.len(), 36);
    assert_eq!(id.as_bytes()[14], b'4', "version 4: random");
    let missing = get(&crate::access::UserId::random().to_string()).await;
    let last = if id.ends_with('0') { '1' } else { '0' };
    for other in [
        id.to_uppercase(),
        id.replace('-', ""),
        format!("{{{id}}}").replace(['{', '}'], "%7B"),
        id.replacen('-', "%2d", 1),
        format!("{}{last}", id.get(..35).unwrap()),
        "1".into(),
        "0".into(),
        "-1".into(),
        "me".into(),
        "..".into(),
        "%00".into(),
    ] {
        let answer = get(&other).await;
        assert_eq!((answer.status, &answer.text), (404, &missing.text), "{other}");
    }
}
