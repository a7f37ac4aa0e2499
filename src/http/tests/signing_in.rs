//! Signing in and out through the edge.

use super::*;

#[tokio::test]
async fn a_person_signs_in_with_a_password_and_out_again() {
    let edge = Edge::new().await;
    edge.add(edge.home(), "2001", Role::Member, 5).await;
    let login = json!({"user": "P2001", "password": PASSWORD});
    let answer = edge.post("/api/v1/login", &[], &login).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("ringfence-dev=") && cookie.contains("HttpOnly; SameSite=Strict"));
    let cookie = answer.cookie();

    let me = edge.get("/api/v1/me", &[("cookie", &cookie)]).await;
    assert_eq!(me.status, 200);
    assert_eq!((&me.body["number"], &me.body["user"]), (&json!("2001"), &json!("p2001")));
    assert_eq!((&me.body["level"], &me.body["tier"]), (&json!(5), &json!("supervisor")));
    assert_eq!((&me.body["role"], &me.body["enrolling"]), (&json!("member"), &json!(false)));
    assert_eq!(me.body["pages"].as_array().unwrap().len(), 7);
    assert_eq!(me.body["workspace"]["id"], edge.home().to_string());

    let token = edge.post("/api/v1/token", &[("cookie", &cookie)], &json!({})).await;
    assert_eq!(token.body["expires_in"], 600);
    let bearer = format!("Bearer {}", token.body["token"].as_str().unwrap());
    let bearer = [("authorization", bearer.as_str())];
    assert_eq!(edge.get("/api/v1/me", &bearer).await.status, 200);
    let again = edge.post("/api/v1/token", &bearer, &json!({})).await;
    assert_eq!((again.status, again.code()), (403, "session_required"), "no token renews itself");

    let phone = edge.get("/api/v1/phone", &bearer).await;
    assert_eq!((&phone.body["ws"], &phone.body["number"]), (&json!("/ws"), &json!("2001")));
    assert_eq!(phone.body["built_in"][0]["number"], "*43");

    let out = edge.post("/api/v1/logout", &[("cookie", &cookie)], &json!({})).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(edge.get("/api/v1/me", &[("cookie", &cookie)]).await.code(), "session_ended");
    let dead = edge.get("/api/v1/me", &bearer).await;
    assert_eq!((dead.status, dead.code()), (401, "session_ended"));
}

#[tokio::test]
async fn sec_a20_sec_o07_refusals_of_a_sign_in_are_all_the_same_and_tell_nothing() {
    let edge = Edge::new().await;
    edge.add(edge.home(), "2001", Role::Member, 5).await;
    let mut bodies = Vec::new();
    for user in ["1001", "p2001", "nobody", "' OR 1=1 --"] {
        let answer = edge.post("/api/v1/login", &[], &json!({"user": user, "password": "x"})).await;
        assert_eq!((answer.status, answer.code()), (401, "wrong_credentials"));
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        bodies.push(answer.body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
}

#[tokio::test]
async fn b2_b4_b10_sec_a18_a_second_factor_is_set_up_and_then_asked_for() {
    let edge = Edge::new().await;
    edge.add(edge.home(), "2001", Role::Member, 1).await;
    let values = [("mfa.required".to_string(), json!("all"))].into();
    let settings = edge.services.access.settings();
    settings.change(&crate::access::Actor::system(), edge.home(), &values).await.unwrap();
    let login = json!({"user": "p2001", "password": PASSWORD});
    let answer = edge.post("/api/v1/login", &[], &login).await;
    assert_eq!((answer.status, &answer.body["enrolling"]), (200, &json!(true)), "{}", answer.body);
    let cookie = answer.cookie();
    let cookie = [("cookie", cookie.as_str())];
    assert_eq!(edge.get("/api/v1/phone", &cookie).await.code(), "mfa_enrolment_required");
    let upgrade = edge.upgrade("/ws", &cookie).await;
    assert!(status_of(&upgrade) == 403 && upgrade.contains("mfa_enrolment_required"), "{upgrade}");
    let factor = edge.get("/api/v1/me/second-factor", &cookie).await;
    assert_eq!((&factor.body["required"], &factor.body["totp"]), (&json!(true), &json!(false)));
    let begun = edge.post("/api/v1/me/second-factor/totp", &cookie, &json!({})).await;
    assert!(
        begun.body["otpauth"].as_str().unwrap().starts_with("otpauth://totp/"),
        "{}",
        begun.text
    );
    assert!(begun.body["qr_svg"].as_str().unwrap().contains("<svg"));
    let wrong = json!({"code": "000000"});
    let refused = edge.post("/api/v1/me/second-factor/totp/confirm", &cookie, &wrong).await;
    assert_eq!(refused.status, 401, "{}", refused.body);
    let again = edge.post("/api/v1/login", &[], &login).await;
    assert_eq!(again.body["enrolling"], true, "a wrong code enables nothing");
}

#[tokio::test]
async fn a10_the_same_person_has_other_rights_in_another_workspace() {
    let edge = Edge::new().await;
    let owner = edge.add(edge.home(), "2001", Role::Owner, 9).await;
    let cookie = edge.sign_in_by_link(owner.user.id).await;
    assert_eq!(edge.get("/api/v1/billing", &[("cookie", &cookie)]).await.status, 200);
    let workspaces = edge.services.access.organisation().workspaces();
    let (other, _) = workspaces
        .create(&Author::system(), "other", &person("401", Role::Owner, 9))
        .await
        .unwrap();
    let membership = crate::store::MembershipRow {
        workspace_id: other.id,
        user_id: owner.user.id,
        role: Role::Member,
        level: Level::AGENT,
        number: "402".into(),
        created_at: edge.clock.unix(),
        changed_at: edge.clock.unix(),
    };
    edge.services.store.memberships().insert(&membership).await.unwrap();
    let mine = edge.get("/api/v1/me/workspaces", &[("cookie", &cookie)]).await;
    assert_eq!(mine.body["items"].as_array().unwrap().len(), 2, "{}", mine.body);
    let there = json!({"id": other.id.to_string()});
    let switched = edge.post("/api/v1/me/workspace", &[("cookie", &cookie)], &there).await;
    assert_eq!(
        (switched.status, &switched.body["role"]),
        (200, &json!("member")),
        "{}",
        switched.body
    );
    let new = switched.cookie();
    assert_eq!(edge.get("/api/v1/billing", &[("cookie", &new)]).await.status, 403);
    assert_eq!(edge.get("/api/v1/users", &[("cookie", &new)]).await.status, 403);
    assert_eq!(
        edge.get("/api/v1/me", &[("cookie", &cookie)]).await.status,
        401,
        "the old one ended"
    );
    let nowhere = json!({"id": crate::access::UserId::random().to_string()});
    let refused = edge.post("/api/v1/me/workspace", &[("cookie", &new)], &nowhere).await;
    assert_eq!(refused.status, 404);
}

#[tokio::test]
async fn c24_sec_w17_no_credential_is_taken_from_an_address() {
    let edge = Edge::new().await;
    let token = edge.agent("1009").token.expose().to_string();
    for query in [format!("token={token}"), format!("x={token}"), "api_key=dn_live_x".into()] {
        let answer = edge.get(&format!("/api/v1/me?{query}"), &[]).await;
        assert!(matches!(answer.status, 400 | 401), "{query}: {}", answer.status);
        let bearer = format!("Bearer {token}");
        let answer = edge.get(&format!("/api/v1/me?{query}"), &[("authorization", &bearer)]).await;
        assert_eq!((answer.status, answer.code()), (400, "secret_in_query"), "{query}");
        assert!(!answer.text.contains(&token));
    }
}

#[tokio::test]
async fn a05_sec_a35_an_answer_of_a_provider_that_nobody_asked_for_signs_nobody_in() {
    let edge = Edge::new().await;
    for path in ["/api/v1/identity/google/start", "/api/v1/identity/evil/start"] {
        assert_eq!(edge.get(path, &[]).await.status, 404, "not set up");
    }
    let back = edge.get("/api/v1/identity/google/return?state=x&code=y", &[]).await;
    assert_eq!((back.status, back.header("location")), (303, Some("/sign-in?error=oidc_state")));
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "https://appleid.apple.com"),
        ("cookie", "ringfence-dev-oidc=canary"),
    ];
    let form = request("POST", "/api/v1/identity/apple/return", &headers, "state=x&code=y".into());
    let back = edge.send(form).await;
    assert_eq!((back.status, back.header("location")), (303, Some("/sign-in?error=oidc_state")));
    assert!(back.header("set-cookie").unwrap().contains("Max-Age=0"), "good once");
}

#[tokio::test]
async fn a13_signing_in_gives_a_new_cookie_and_ends_the_session_of_the_old_one() {
    let edge = Edge::new().await;
    let first = edge.sign_in("1001").await;
    let key = edge.services.access.start_links().make(edge.agent("1001").member.user.id).unwrap();
    let key = json!({"key": key.expose()});
    let second = edge.post("/api/v1/start", &[("cookie", &first)], &key).await;
    assert_ne!(second.cookie(), first);
    assert_eq!(edge.get("/api/v1/me", &[("cookie", &first)]).await.status, 401);
    let planted = format!("ringfence-dev={}", "a".repeat(43));
    assert_eq!(edge.get("/api/v1/me", &[("cookie", &planted)]).await.status, 401);
    let again = edge.post("/api/v1/start", &[], &key).await;
    assert_eq!((again.status, again.code()), (410, "link_dead"));
}

#[tokio::test]
async fn k16_the_data_folder_holds_no_cookie_and_no_token() {
    let edge = Edge::new().await;
    let cookie = edge.sign_in("1001").await;
    let secrets = [
        cookie.split('=').nth(1).unwrap().to_string(),
        edge.agent("1001").token.expose().to_string(),
    ];
    for entry in std::fs::read_dir(edge.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in &secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
}

#[tokio::test]
async fn c08_asking_for_a_new_password_answers_the_same_whether_there_is_an_account() {
    let edge = Edge::new().await;
    let mut new = person("2001", Role::Member, 1);
    new.email = Some("ann@example.com".into());
    let people = edge.services.access.organisation().people();
    people.add(&Author::system(), edge.home(), &new).await.unwrap();
    let ask = async |email: &str| {
        edge.post("/api/v1/password/forgot", &[], &json!({"email": email})).await
    };
    let (known, unknown) = (ask("ann@example.com").await, ask("nobody@example.com").await);
    assert_eq!((known.status, unknown.status), (202, 202));
    assert_eq!(known.text, unknown.text);
    let to: Vec<String> = edge.letters.0.lock().unwrap().iter().map(|(to, _)| to.clone()).collect();
    assert_eq!(to, ["ann@example.com"]);
}

#[tokio::test]
async fn a32_a_refusal_of_an_account_says_the_limit_of_the_account() {
    let edge = Edge::new().await;
    edge.add(edge.home(), "2001", Role::Member, 1).await;
    let wrong = json!({"user": "p2001", "password": "wrong"});
    let mut last = edge.post("/api/v1/login", &[], &wrong).await;
    while last.status == 401 {
        last = edge.post("/api/v1/login", &[], &wrong).await;
    }
    assert_eq!((last.status, &last.body["scope"]), (429, &json!("account")), "{}", last.text);
    assert_eq!(last.header("ratelimit-limit"), Some(last.body["limit"].to_string().as_str()));
    assert_eq!(last.header("ratelimit-remaining"), Some("0"));
}

#[tokio::test]
async fn who_runs_the_installation_sees_what_is_of_no_workspace_and_nobody_elses() {
    let edge = Edge::new().await;
    let cookie = edge.sign_in("1009").await;
    let (other, _) = {
        let workspaces = edge.services.access.organisation().workspaces();
        workspaces.create(&Author::system(), "other", &person("401", Role::Owner, 9)).await.unwrap()
    };
    edge.add(other.id, "4020402040204020", Role::Member, 1).await;
    let mut change = edge.services.store.begin().await.unwrap();
    let entry = crate::access::audit::Entry::new(
        edge.clock.unix(),
        crate::access::audit::Actor { kind: "anonymous", id: None },
        crate::access::audit::Action::TlsRequired,
    );
    edge.services.access.audit().record(&mut change, entry).await.unwrap();
    change.commit().await.unwrap();
    let audit = edge.get("/api/v1/audit", &[("cookie", &cookie)]).await;
    let items = audit.body["items"].as_array().unwrap();
    assert_eq!(items[0]["action"], "tls_required");
    assert!(!audit.text.contains("4020402040204020"), "another workspace's people");
}
