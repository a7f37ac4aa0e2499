//! The second factor: asked for, shown, spent, locked, reset, excused.

use serde_json::json;

use super::*;
use crate::access::testing::audited;
use crate::access::{Principal, Proof};

async fn show(
    desk: &Desk,
    attempt: &Secret,
    method: &str,
    code: &Secret,
) -> Result<SignedIn, String> {
    let sign_in = desk.access.sign_in();
    sign_in.factor(attempt, method, code, &client()).await.map_err(code_of)
}

/// A sign-in of somebody that waits for its second factor.
async fn waiting(desk: &Desk, name: &str) -> (Secret, Vec<&'static str>, bool) {
    factor(desk.try_password(name, PASSWORD).await.unwrap())
}

#[tokio::test]
async fn b4_sec_a19_a_session_of_a_while_ago_sets_no_app_up_without_the_password() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 1).await;
        let signed_in = desk.sign_in("ann").await;
        let by_token = Principal { proof: Proof::Token, ..signed_in.principal.clone() };
        let factors = desk.access.second_factor();
        factors.begin_totp(&signed_in.principal).await.unwrap();
        let code = desk.totp(ann.id).await;
        let refused = factors.confirm_totp(&by_token, (&code, None), &client()).await;
        assert_eq!(refused.unwrap_err().code(), "password_required", "a token is nobody");
        desk.advance(10 * 60);
        factors.begin_totp(&signed_in.principal).await.unwrap();
        let code = desk.totp(ann.id).await;
        for (password, refusal) in [(None, "password_required"), (Some("wrong"), "wrong_password")]
        {
            let password = password.map(secret);
            let shown = (&code, password.as_ref());
            let refused = factors.confirm_totp(&signed_in.principal, shown, &client()).await;
            assert_eq!(refused.unwrap_err().code(), refusal);
        }
        let shown = (&code, Some(&secret(PASSWORD)));
        factors.confirm_totp(&signed_in.principal, shown, &client()).await.unwrap();
    }
}

#[tokio::test]
async fn b2_b4_b6_c9_c13_an_app_is_set_up_and_its_fresh_code_is_asked_for_from_then_on() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 1).await;
        let signed_in = desk.sign_in("ann").await;
        let factors = desk.access.second_factor();
        let new = factors.begin_totp(&signed_in.principal).await.unwrap();
        assert!(new.otpauth.expose().starts_with("otpauth://totp/phones.example:ann?"));
        assert!(new.qr_svg.expose().starts_with("<svg"));
        assert_eq!(new.secret_text.expose().replace(' ', "").len(), 32);
        let wrong =
            factors.confirm_totp(&signed_in.principal, (&secret("000000"), None), &client()).await;
        assert_eq!(code_of(wrong.unwrap_err()), "code_wrong");
        assert!(matches!(desk.try_password("ann", PASSWORD).await, Ok(SignInStep::Done(_))));
        let code = desk.totp(ann.id).await;
        let codes =
            factors.confirm_totp(&signed_in.principal, (&code, None), &client()).await.unwrap();
        assert_eq!(codes.len(), 10);
        let again = factors.begin_totp(&signed_in.principal).await.unwrap_err();
        assert_eq!(again.code(), "has_totp");

        let (attempt, methods, sent) = waiting(&desk, "ann").await;
        assert_eq!((methods, sent), (vec!["totp", "email", "recovery"], false));
        let open = desk.access.check_cookie(attempt.expose(), &client()).await;
        assert_eq!(open.unwrap_err().code(), "not_signed_in", "the attempt is no session");
        assert_eq!(show(&desk, &attempt, "totp", &code).await.unwrap_err(), "code_used");
        desk.advance(30);
        let late = desk.app(ann.id).await.code_at(UnixTime(desk.now().0 + 60));
        assert_eq!(show(&desk, &attempt, "totp", &late).await.unwrap_err(), "code_wrong", "±2");
        let next = desk.app(ann.id).await.code_at(UnixTime(desk.now().0 + 30));
        let done = show(&desk, &attempt, "totp", &next).await.unwrap();
        assert!(done.device_cookie.is_some());
        assert!(desk.check(&done).await.is_ok());
        assert_eq!(show(&desk, &attempt, "totp", &next).await.unwrap_err(), "attempt_over");
        let (attempt, ..) = waiting(&desk, "ann").await;
        let older = desk.totp(ann.id).await;
        assert_eq!(show(&desk, &attempt, "totp", &older).await.unwrap_err(), "code_used", "older");
        assert!(desk.events().await.contains(&"factor_failed".to_owned()));
        assert!(desk.post.take().is_empty(), "no mail is needed (B3)");
    }
}

#[tokio::test]
async fn b6_sec_a15_five_wrong_codes_lock_the_factor_and_a_right_one_waits() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 1).await;
        let signed_in = desk.sign_in("ann").await;
        desk.set_app_up(&signed_in).await;
        desk.advance(60);
        for number in 0..8_u8 {
            let (attempt, ..) = waiting(&desk, "ann").await;
            // From other addresses each time: the account counts, not where from.
            let ip = std::net::Ipv4Addr::new(198, 51, 100, number);
            let from = Client::new(Some("x"), Some(ip.into()));
            let sign_in = desk.access.sign_in();
            let refused = sign_in.factor(&attempt, "totp", &secret("000000"), &from).await;
            let expected = if number < 5 { "code_wrong" } else { "factor_locked" };
            assert_eq!(code_of(refused.unwrap_err()), expected, "{number}");
        }
        let (attempt, ..) = waiting(&desk, "ann").await;
        let code = desk.totp(ann.id).await;
        assert_eq!(show(&desk, &attempt, "totp", &code).await.unwrap_err(), "factor_locked");
        desk.advance(301);
        let (attempt, ..) = waiting(&desk, "ann").await;
        let code = desk.totp(ann.id).await;
        show(&desk, &attempt, "totp", &code).await.unwrap();
    }
}

#[tokio::test]
async fn sec_a14_of_twenty_requests_with_one_code_one_gets_in() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 1).await;
        let signed_in = desk.sign_in("ann").await;
        let recovery = desk.set_app_up(&signed_in).await;
        desk.advance(60);
        for (method, code) in [("totp", desk.totp(ann.id).await), ("recovery", recovery[0].clone())]
        {
            let mut attempts = Vec::new();
            for _ in 0..5 {
                attempts.push(waiting(&desk, "ann").await.0);
            }
            let client = client();
            let tries = attempts.iter().flat_map(|attempt| [attempt; 4]).map(|attempt| {
                let sign_in = desk.access.sign_in();
                let (code, client) = (&code, &client);
                async move { sign_in.factor(attempt, method, code, client).await.is_ok() }
            });
            let done = futures_util::future::join_all(tries).await;
            assert_eq!(done.into_iter().filter(|is_in| *is_in).count(), 1, "{method}");
            desk.advance(3600);
            desk.access.follow().await.unwrap();
        }
    }
}

#[tokio::test]
async fn b7_b8_b9_sec_a17_who_has_no_app_gets_a_code_by_mail_good_for_ten_minutes_once() {
    for desk in desks().await {
        desk.person("ann", "2001", 1).await;
        desk.set("mfa.required", json!("all")).await;
        let (attempt, methods, sent) = waiting(&desk, "ann").await;
        assert_eq!((methods, sent), (vec!["email"], true));
        let old = desk.post.secret();
        assert_eq!(old.expose().len(), 6);
        desk.access.sign_in().email_code(&attempt).await.unwrap();
        let code = desk.post.secret();
        if old != code {
            assert_eq!(show(&desk, &attempt, "email", &old).await.unwrap_err(), "code_wrong");
        }
        let (other, ..) = waiting(&desk, "ann").await;
        let others = desk.post.secret();
        assert_ne!(others, Secret::new(""));
        if others != code {
            let refused = show(&desk, &attempt, "email", &others).await.unwrap_err();
            assert_eq!(refused, "code_wrong", "another sign-in's");
        }
        let limit = desk.access.sign_in().email_code(&other).await.unwrap_err();
        assert_eq!(limit.code(), "rate_limited", "three in a quarter of an hour");
        desk.advance(599);
        let done = show(&desk, &attempt, "email", &code).await.unwrap();
        assert!(desk.check(&done).await.is_ok());
        assert_eq!(done.principal.proof, crate::access::Proof::Cookie);
        desk.advance(1);
        assert_eq!(show(&desk, &other, "email", &others).await.unwrap_err(), "code_expired");
        desk.advance(900);
        let (attempt, ..) = waiting(&desk, "ann").await;
        let code = desk.post.secret();
        let wrong = if code.expose() == "000000" { "000001" } else { "000000" };
        for _ in 0..3 {
            let refused = show(&desk, &attempt, "email", &secret(wrong)).await.unwrap_err();
            assert_eq!(refused, "code_wrong");
        }
        show(&desk, &attempt, "email", &code).await.unwrap();
        assert_eq!(show(&desk, &attempt, "totp", &code).await.unwrap_err(), "attempt_over");
    }
}

#[tokio::test]
async fn b3_b9_x7_the_policy_says_which_methods_there_are() {
    for desk in desks().await {
        desk.person("ann", "2001", 1).await;
        let signed_in = desk.sign_in("ann").await;
        desk.set_app_up(&signed_in).await;
        assert_eq!(waiting(&desk, "ann").await.1, ["totp", "email", "recovery"]);
        desk.preset("analytics").await;
        let (attempt, methods, _) = waiting(&desk, "ann").await;
        assert_eq!(methods, ["totp", "recovery"], "mail only where the policy allows it");
        let refused = desk.access.sign_in().email_code(&attempt).await.unwrap_err();
        assert_eq!(refused.code(), "method_refused");
        assert_eq!(
            show(&desk, &attempt, "email", &secret("000000")).await.unwrap_err(),
            "method_refused"
        );
        desk.set("mfa.required", json!("admins")).await;
        desk.person("bob", "2002", 8).await;
        desk.person("eve", "2003", 9).await;
        assert!(matches!(desk.try_password("bob", PASSWORD).await, Ok(SignInStep::Done(_))));
        assert!(matches!(desk.try_password("eve", PASSWORD).await, Ok(SignInStep::Enrol(_))));
    }
}

#[tokio::test]
async fn b10_sec_a18_sec_a19_whoever_must_have_a_factor_can_do_nothing_before_it_is_set_up() {
    for desk in desks().await {
        desk.preset("analytics").await;
        desk.set("mfa.required", json!("all")).await;
        let ann = desk.person("ann", "2001", 1).await;
        let step = desk.try_password("ann", PASSWORD).await.unwrap();
        let SignInStep::Enrol(signed_in) = step else { panic!("{step:?}") };
        let proof = async || {
            let checked = desk.access.check_cookie(signed_in.cookie.expose(), &client()).await;
            checked.unwrap().principal.proof
        };
        assert_eq!(proof().await, crate::access::Proof::Enrolling);
        // A reset link, an invitation and an identity provider lead to the same place.
        let account = desk.access.account();
        account.forgot("ann@example.com", &client()).await.unwrap();
        let key = desk.post.secret();
        let new = "marble thunder canoe";
        account.reset(key.expose(), &secret(new), &client()).await.unwrap();
        let step = desk.try_password("ann", new).await.unwrap();
        let SignInStep::Enrol(signed_in) = step else { panic!("{step:?}") };
        let invited = desk.access.sign_in().invited(&desk.member(ann.id).await, &client()).await;
        assert_eq!(invited.unwrap().principal.proof, crate::access::Proof::Enrolling);
        let identity = crate::access::Identity {
            issuer: "https://idp.example".into(),
            subject: "7".into(),
            email: Some("ann@example.com".into()),
            email_verified: true,
            provider: "google".into(),
            name: None,
        };
        let step = desk.access.sign_in().identity(&identity, &client()).await.unwrap();
        assert!(matches!(step, SignInStep::Enrol(_)), "{step:?}");
        desk.set_app_up(&signed_in).await;
        let checked = desk.access.check_cookie(signed_in.cookie.expose(), &client()).await;
        assert_eq!(checked.unwrap().principal.proof, crate::access::Proof::Cookie);
        let step = desk.access.sign_in().identity(&identity, &client()).await.unwrap();
        assert_eq!(factor(step).1, ["totp", "recovery"]);
        let (factors, principal) = (desk.access.second_factor(), &signed_in.principal);
        let (new, code) = (secret(new), secret("000000"));
        let refused = factors.disable_totp(principal, &new, &code, &client()).await;
        assert_eq!(code_of(refused.unwrap_err()), "factor_required");
    }
}

#[tokio::test]
async fn b11_b12_b13_administrators_see_reset_and_excuse() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 1).await;
        desk.person("bob", "2002", 1).await;
        let signed_in = desk.sign_in("ann").await;
        desk.set_app_up(&signed_in).await;
        desk.set("mfa.required", json!("all")).await;
        let factors = desk.access.second_factor();
        let list = async || {
            let list = factors.list(desk.bench.workspace.id).await.unwrap();
            let shown = list.into_iter().map(|one| {
                (one.row.user_name, one.method.map(|method| method.as_str()), one.exempt_expired)
            });
            shown.collect::<Vec<_>>()
        };
        let all = list().await;
        assert_eq!(all[1], ("ann".into(), Some("totp"), false));
        assert_eq!(all[2], ("bob".into(), Some("email"), false));

        let actor = &desk.bench.actor;
        factors.reset(actor, ann.id).await.unwrap();
        assert!(matches!(desk.post.take()[..], [(_, Letter::SecondFactorReset)]));
        assert_eq!(audited(&desk.bench.store, "second_factor.reset").await.len(), 1);
        let (attempt, methods, _) = waiting(&desk, "ann").await;
        assert_eq!(methods, ["email"], "the old codes are nothing");
        let code = desk.post.secret();
        let signed_in = show(&desk, &attempt, "email", &code).await.unwrap();
        assert_eq!(signed_in.principal.proof, crate::access::Proof::Enrolling, "set up anew");
        desk.set_app_up(&signed_in).await;

        let until = UnixTime(desk.now().0 + 3600);
        factors.exempt(actor, ann.id, until, "phone is lost").await.unwrap();
        assert!(matches!(desk.try_password("ann", PASSWORD).await, Ok(SignInStep::Done(_))));
        desk.advance(3601);
        assert_eq!(waiting(&desk, "ann").await.1[0], "totp", "enforced again");
        assert_eq!(list().await[1], ("ann".into(), Some("totp"), true));
        factors.end_exemption(actor, ann.id).await.unwrap();
        assert!(!list().await[1].2);
        for (until, reason, field) in [
            (desk.now().0, "x", "until"),
            (desk.now().0 + 91 * 86_400, "x", "until"),
            (desk.now().0 + 5, " ", "reason"),
            (desk.now().0 + 5, "a\nb", "reason"),
        ] {
            let refused = factors.exempt(actor, ann.id, UnixTime(until), reason).await;
            let refused = refused.unwrap_err();
            assert!(refused.to_string().starts_with(field), "{refused}");
        }
    }
}

#[tokio::test]
async fn sec_a28_a_factor_is_reset_by_nobody_of_another_workspace_and_by_nobody_below() {
    for desk in desks().await {
        let (other, stranger) = desk.bench.other_workspace("other", "3001", Level::ADMIN).await;
        let ann = desk.person("ann", "2001", 9).await;
        let actor = |user: UserId, workspace: WorkspaceId| Actor {
            user_id: Some(user),
            workspace_id: Some(workspace),
            ..desk.bench.actor.clone()
        };
        let reset = async |by: Actor, user: UserId| {
            desk.access.second_factor().reset(&by, user).await.map_err(code_of)
        };
        let home = desk.bench.workspace.id;
        assert_eq!(reset(actor(stranger.id, other.id), ann.id).await.unwrap_err(), "not_found");
        let owner = desk.bench.owner.id;
        assert_eq!(reset(actor(ann.id, home), owner).await.unwrap_err(), "out_of_reach");
        desk.join(other.id, ann.id, "3002", 1).await;
        let both = reset(actor(stranger.id, other.id), ann.id).await.unwrap_err();
        assert_eq!(both, "out_of_reach", "belongs to another workspace too");
        reset(desk.bench.actor.clone(), ann.id).await.unwrap();
        reset(Actor::command(), owner).await.unwrap();
    }
}

#[tokio::test]
async fn c10_recovery_codes_replace_the_app_once_and_it_can_be_given_up() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 1).await;
        let signed_in = desk.sign_in("ann").await;
        let codes = desk.set_app_up(&signed_in).await;
        let (attempt, ..) = waiting(&desk, "ann").await;
        show(&desk, &attempt, "recovery", &codes[3]).await.unwrap();
        let (attempt, ..) = waiting(&desk, "ann").await;
        assert_eq!(show(&desk, &attempt, "recovery", &codes[3]).await.unwrap_err(), "code_wrong");
        let factors = desk.access.second_factor();
        let status = factors.status(&signed_in.principal).await.unwrap();
        assert_eq!((status.totp, status.recovery_codes_left, status.required), (true, 9, false));
        let principal = &signed_in.principal;
        let renew = async |password: &str| {
            factors.renew_recovery_codes(principal, &secret(password), &client()).await
        };
        assert_eq!(code_of(renew("wrong").await.unwrap_err()), "wrong_password");
        let renewed = renew(PASSWORD).await.unwrap();
        assert_eq!(show(&desk, &attempt, "recovery", &codes[4]).await.unwrap_err(), "code_wrong");
        desk.advance(60);
        let code = desk.totp(ann.id).await;
        let disable = async |password: &str, code: &Secret| {
            factors.disable_totp(principal, &secret(password), code, &client()).await
        };
        assert_eq!(code_of(disable("wrong", &code).await.unwrap_err()), "wrong_password");
        assert_eq!(code_of(disable(PASSWORD, &secret("000000")).await.unwrap_err()), "code_wrong");
        disable(PASSWORD, &renewed[0]).await.unwrap();
        assert!(matches!(desk.try_password("ann", PASSWORD).await, Ok(SignInStep::Done(_))));
        assert!(desk.bench.vault.opened().get("totp").is_some_and(|count| *count > 0));
    }
}
