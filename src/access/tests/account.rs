//! Sign-up, verification, forgotten and changed passwords.

use serde_json::json;

use super::*;
use crate::access::SignUpRequest;
use crate::access::testing::audited;

fn request(email: &str, workspace: &str) -> SignUpRequest {
    SignUpRequest {
        email: email.into(),
        password: secret(PASSWORD),
        display_name: "New Person".into(),
        workspace: workspace.into(),
    }
}

#[tokio::test]
async fn a3_a4_who_signs_up_gets_in_once_the_mailed_link_is_opened_within_24_h() {
    for desk in desks().await {
        let account = desk.access.account();
        let sign_up = async |email: &str, workspace: &str| {
            account.sign_up(&request(email, workspace), &client()).await.map_err(code_of)
        };
        assert_eq!(sign_up("new@acme.example", "Acme").await.unwrap_err(), "sign_up_closed");
        desk.set("signup.enabled", json!(true)).await;
        sign_up("New@Acme.example", "Acme").await.unwrap();
        let first = desk.post.secret();
        let refused = desk.try_password("new@acme.example", PASSWORD).await.unwrap_err();
        assert_eq!(refused.code(), "email_unverified");
        let wrong = desk.try_password("new@acme.example", "wrong").await.unwrap_err();
        assert_eq!(wrong.code(), "wrong_credentials", "only who knows the password learns it");
        account.resend("new@acme.example", &client()).await.unwrap();
        let second = desk.post.secret();
        let verify = async |key: &Secret| {
            account.verify_email(key.expose(), &client()).await.map_err(code_of)
        };
        assert_eq!(verify(&first).await.unwrap_err(), "link_dead", "a newer one was sent");
        desk.advance(24 * 3600 + 1);
        assert_eq!(verify(&second).await.unwrap_err(), "link_expired");
        account.resend("new@acme.example", &client()).await.unwrap();
        let third = desk.post.secret();
        desk.advance(24 * 3600 - 1);
        verify(&third).await.unwrap();
        assert_eq!(verify(&third).await.unwrap_err(), "link_used");
        let principal = desk.sign_in("new@acme.example").await.principal;
        assert_eq!(
            (principal.role, principal.level, principal.at_home),
            (Role::Owner, Level::ADMIN, false)
        );
        sign_up("new@acme.example", "Second").await.unwrap();
        assert!(desk.post.take().is_empty(), "nobody learns that there is one");
        assert_eq!(sign_up("two@acme.example", "Acme").await.unwrap_err(), "workspace_taken");
        for bad in ["nobody", "a b@c.example", "a@b@c.example", "a\0@acme.example", ""] {
            assert_eq!(sign_up(bad, "Third").await.unwrap_err(), "invalid");
        }
        assert_eq!(audited(&desk.bench.store, "user.email_verify").await.len(), 1);
        assert_eq!(audited(&desk.bench.store, "workspace.create").await.len(), 1);
    }
}

#[tokio::test]
async fn c8_sec_a38_a_forgotten_password_is_set_once_within_an_hour_and_ends_all_sessions() {
    for desk in desks().await {
        desk.person("ann", "2001", 1).await;
        let signed_in = desk.sign_in("ann").await;
        let token = desk.access.mint(&signed_in.principal).unwrap().token;
        let account = desk.access.account();
        for email in ["nobody@example.com", "", "no\0body@example.com"] {
            account.forgot(email, &client()).await.unwrap();
        }
        assert!(desk.post.take().is_empty());
        let forgot = async || {
            account.forgot(" ANN@example.com", &client()).await.unwrap();
            desk.post.secret()
        };
        let late = forgot().await;
        desk.advance(3600);
        let new = secret("marble thunder canoe");
        let reset = async |key: &Secret, password: &Secret| {
            account.reset(key.expose(), password, &client()).await.map_err(code_of)
        };
        assert_eq!(reset(&late, &new).await.unwrap_err(), "link_expired");
        let key = forgot().await;
        assert_eq!(reset(&key, &secret("short")).await.unwrap_err(), "password_too_short");
        reset(&key, &new).await.unwrap();
        assert!(matches!(desk.post.take()[..], [(_, Letter::PasswordChanged)]));
        assert_eq!(reset(&key, &new).await.unwrap_err(), "link_used");
        assert_eq!(desk.check(&signed_in).await, Err("session_ended"));
        assert!(desk.access.check_token(token.expose()).is_err());
        assert!(desk.try_password("ann", PASSWORD).await.is_err(), "the old one is dead");
        assert!(desk.try_password("ann", new.expose()).await.is_ok());
        for _ in 0..5 {
            account.forgot("ann@example.com", &client()).await.unwrap();
        }
        assert_eq!(desk.post.take().len(), 2, "three in a quarter of an hour, with the one before");
        for key in ["", "x", &"a".repeat(43), "../../x"] {
            assert_eq!(reset(&secret(key), &new).await.unwrap_err(), "link_dead");
        }
        assert_eq!(audited(&desk.bench.store, "password.reset").await.len(), 1);
    }
}

#[tokio::test]
async fn c6_c7_a_password_is_changed_with_the_old_one_and_ends_other_sessions_if_asked() {
    for desk in desks().await {
        desk.person("ann", "2001", 1).await;
        let [here, stolen] = [desk.sign_in("ann").await, desk.sign_in("ann").await];
        let account = desk.access.account();
        let change = async |old: &str, new: &str, end_others| {
            let (old, new, client) = (secret(old), secret(new), client());
            let changed = account.change_password(&here.principal, &old, &new, end_others, &client);
            changed.await.map_err(code_of)
        };
        assert_eq!(
            change("wrong", "marble thunder canoe", true).await.unwrap_err(),
            "wrong_password"
        );
        change(PASSWORD, "marble thunder canoe", false).await.unwrap();
        assert!(desk.check(&stolen).await.is_ok());
        change("marble thunder canoe", "window gravel sonnet", true).await.unwrap();
        assert!(desk.check(&here).await.is_ok());
        assert_eq!(desk.check(&stolen).await, Err("session_ended"));
        for _ in 0..5 {
            assert_eq!(change("wrong", "x", false).await.unwrap_err(), "wrong_password");
        }
        let refused = change("window gravel sonnet", "marble thunder canoe", false).await;
        assert_eq!(refused.unwrap_err(), "rate_limited", "five wrong ones");
        assert_eq!(audited(&desk.bench.store, "password.change").await.len(), 2);
    }
}

#[tokio::test]
async fn b36_x15_password_rules_are_settings_and_count_at_the_next_change() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 1).await;
        let account = desk.access.account();
        let set = async |password: &str| {
            let set = account.set_password(&Actor::command(), ann.id, &secret(password)).await;
            set.map(drop).map_err(code_of)
        };
        desk.set("password.min_length", json!(20)).await;
        assert_eq!(set("marble thunder").await.unwrap_err(), "password_too_short");
        desk.set("password.min_length", json!(8)).await;
        desk.set("password.reuse_last", json!(2)).await;
        assert_eq!(set(PASSWORD).await.unwrap_err(), "password_reused");
        set("marble thunder canoe").await.unwrap();
        set("window gravel sonnet").await.unwrap();
        assert_eq!(set("marble thunder canoe").await.unwrap_err(), "password_reused");
        set(PASSWORD).await.unwrap();
        desk.set("password.composition", json!(["digit"])).await;
        assert_eq!(set("another long one here").await.unwrap_err(), "password_composition");
        assert!(desk.try_password("ann", PASSWORD).await.is_ok(), "the present one stays");
    }
}

#[tokio::test]
async fn one_changes_ones_own_name_and_time_zone_and_nothing_odd() {
    for desk in desks().await {
        desk.person("ann", "2001", 1).await;
        let signed_in = desk.sign_in("ann").await;
        let account = desk.access.account();
        let actor = Actor::of(&signed_in.principal, None);
        let change = async |name: Option<&str>, zone: Option<&str>| {
            account.change_me(&signed_in.principal, &actor, name, zone).await.map_err(code_of)
        };
        change(Some(" Ann B. "), Some("Europe/Berlin")).await.unwrap();
        let checked = desk.access.check_cookie(signed_in.cookie.expose(), &client()).await;
        assert_eq!(&*checked.unwrap().principal.name, "Ann B.");
        for name in ["", "x\ny", &"x".repeat(65)] {
            assert_eq!(change(Some(name), None).await.unwrap_err(), "invalid");
        }
        for zone in ["", "../../etc/passwd", "Mars/Olympus", "/etc/localtime"] {
            assert_eq!(change(None, Some(zone)).await.unwrap_err(), "invalid");
        }
    }
}
