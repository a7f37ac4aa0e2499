//! Passkeys as second factors: made, asked for, shown, renamed, given up, reset.

use serde_json::json;

use super::*;
use crate::access::organisation::{NewKey, Shown};
use crate::access::passkey::authenticator::Authenticator;
use crate::access::testing::audited;
use crate::access::{MadePasskey, NewPasskey, Principal, Proof};
use crate::store::PasskeyRow;

/// Desks whose policy allows passkeys, before all else.
async fn ready() -> Vec<Desk> {
    let desks = desks().await;
    for desk in &desks {
        desk.set("mfa.methods", json!(["passkey", "totp", "email"])).await;
    }
    desks
}

async fn begin(
    desk: &Desk,
    principal: &Principal,
    password: Option<&str>,
) -> Result<String, String> {
    let password = password.map(secret);
    let factors = desk.access.second_factor();
    let begun = factors.begin_passkey(principal, password.as_ref(), &client()).await;
    begun.map(|begun| begun.challenge.expose().to_owned()).map_err(code_of)
}

async fn finish(
    desk: &Desk,
    principal: &Principal,
    one: &mut Authenticator,
    challenge: &str,
) -> Result<MadePasskey, String> {
    let new = NewPasskey {
        name: " Laptop ".into(),
        transports: vec!["internal".into(), "Not a word".into()],
        answer: one.make(challenge),
    };
    desk.access.second_factor().finish_passkey(principal, &new, &client()).await.map_err(code_of)
}

/// Makes a passkey for somebody who is signed in.
async fn make(desk: &Desk, signed_in: &SignedIn, one: &mut Authenticator) -> MadePasskey {
    one.user_handle = Some(signed_in.principal.user_id.as_bytes().to_vec());
    let challenge = begin(desk, &signed_in.principal, Some(PASSWORD)).await.unwrap();
    finish(desk, &signed_in.principal, one, &challenge).await.unwrap()
}

async fn waiting(desk: &Desk, name: &str) -> (Secret, Vec<&'static str>) {
    let (attempt, methods, sent) = factor(desk.try_password(name, PASSWORD).await.unwrap());
    assert!(!sent, "nothing is mailed to who has a passkey");
    (attempt, methods)
}

/// Asks for a passkey and shows it.
async fn show(desk: &Desk, attempt: &Secret, one: &mut Authenticator) -> Result<SignedIn, String> {
    show_from(desk, attempt, one, &client()).await
}

async fn show_from(
    desk: &Desk,
    attempt: &Secret,
    one: &mut Authenticator,
    from: &Client,
) -> Result<SignedIn, String> {
    let asked = desk.access.sign_in().ask_for_passkey(attempt).await.map_err(code_of)?;
    let answer = one.show(asked.challenge.expose());
    desk.access.sign_in().passkey(attempt, &answer, from).await.map_err(code_of)
}

async fn passkeys(desk: &Desk, user: UserId) -> Vec<PasskeyRow> {
    desk.bench.store.passkeys().of_user(user).await.unwrap()
}

#[tokio::test]
async fn x07_b02_a_passkey_is_made_and_asked_for_first_from_then_on() {
    for desk in ready().await {
        let ann = desk.person("ann", "2001", 1).await;
        let signed_in = desk.sign_in("ann").await;
        let principal = &signed_in.principal;
        let mut one = Authenticator::es256();
        begin(&desk, principal, None).await.unwrap();
        desk.advance(10 * 60);
        assert_eq!(begin(&desk, principal, None).await.unwrap_err(), "password_required");
        assert_eq!(begin(&desk, principal, Some("no")).await.unwrap_err(), "wrong_password");
        let made = make(&desk, &signed_in, &mut one).await;
        assert_eq!(made.recovery_codes.len(), 10);
        assert_eq!(
            (&*made.row.name, &made.row.transports[..]),
            ("Laptop", &["internal".into()][..])
        );
        let mut other = Authenticator::eddsa();
        assert!(make(&desk, &signed_in, &mut other).await.recovery_codes.is_empty(), "kept");
        let again = begin(&desk, principal, Some(PASSWORD)).await.unwrap();
        let again = finish(&desk, principal, &mut one, &again).await.unwrap_err();
        assert_eq!(again, "passkey_refused", "registered already");

        for one in [&mut one, &mut other] {
            let (attempt, methods) = waiting(&desk, "ann").await;
            assert_eq!(methods, ["passkey", "email", "recovery"]);
            let done = show(&desk, &attempt, one).await.unwrap();
            assert!(done.device_cookie.is_some());
            let row = desk.bench.store.sessions().by_id(done.principal.session_id).await.unwrap();
            assert_eq!(row.unwrap().factor.as_deref(), Some("passkey"));
            assert_eq!(show(&desk, &attempt, one).await.unwrap_err(), "attempt_over");
        }
        let shown = passkeys(&desk, ann.id).await;
        assert!(shown.iter().all(|row| row.sign_count == 1 && row.last_used_at.is_some()));
        let (attempt, _) = waiting(&desk, "ann").await;
        let sign_in = desk.access.sign_in();
        let code = sign_in.factor(&attempt, "passkey", &secret("000000"), &client()).await;
        assert_eq!(code_of(code.unwrap_err()), "method_refused", "a code is no passkey");
        let codes = &made.recovery_codes;
        sign_in.factor(&attempt, "recovery", &codes[0], &client()).await.unwrap();
        let status = desk.access.second_factor().status(principal).await.unwrap();
        assert_eq!((status.passkeys, status.totp, status.recovery_codes_left), (2, false, 9));
        assert_eq!(audited(&desk.bench.store, "second_factor.enable").await.len(), 2);
    }
}

#[tokio::test]
async fn x07_a_challenge_is_good_once_for_its_own_sign_in_and_for_five_minutes() {
    for desk in ready().await {
        desk.person("ann", "2001", 1).await;
        desk.person("bob", "2002", 1).await;
        let mut keys = [Authenticator::es256(), Authenticator::es256()];
        for (name, one) in ["ann", "bob"].into_iter().zip(&mut keys) {
            make(&desk, &desk.sign_in(name).await, one).await;
        }
        let [one, bobs] = &mut keys;
        let (attempt, _) = waiting(&desk, "ann").await;
        let sign_in = desk.access.sign_in();
        let ask = async |attempt: &Secret| {
            sign_in.ask_for_passkey(attempt).await.unwrap().challenge.expose().to_owned()
        };
        let answer = async |attempt: &Secret, answer| {
            sign_in.passkey(attempt, &answer, &client()).await.map(drop).map_err(code_of)
        };
        let refused = Err("passkey_refused".to_owned());
        assert_eq!(answer(&attempt, one.show("x")).await, refused, "nothing was asked");
        let old = ask(&attempt).await;
        let new = ask(&attempt).await;
        assert_eq!(answer(&attempt, one.show(&old)).await, refused, "an older challenge");
        assert_eq!(answer(&attempt, one.show(&new)).await, refused, "spent by the wrong answer");
        let late = ask(&attempt).await;
        desk.advance(300);
        assert_eq!(answer(&attempt, one.show(&late)).await, refused, "late");
        let theirs = ask(&attempt).await;
        assert_eq!(answer(&attempt, bobs.show(&theirs)).await, refused, "somebody else's passkey");
        desk.advance(301);
        let (other, _) = waiting(&desk, "ann").await;
        let of_other = ask(&other).await;
        assert_eq!(answer(&attempt, one.show(&of_other)).await, refused, "of another sign-in");
        assert!(show(&desk, &attempt, one).await.is_ok());
        let failures = desk.events().await.into_iter().filter(|event| event == "factor_failed");
        assert_eq!(failures.count(), 6);
    }
}

#[tokio::test]
async fn x07_sec_a14_of_many_requests_with_one_answer_one_gets_in() {
    for desk in ready().await {
        desk.person("ann", "2001", 1).await;
        let mut one = Authenticator::eddsa();
        make(&desk, &desk.sign_in("ann").await, &mut one).await;
        let (attempt, _) = waiting(&desk, "ann").await;
        let asked = desk.access.sign_in().ask_for_passkey(&attempt).await.unwrap();
        let (answer, client) = (one.show(asked.challenge.expose()), client());
        let tries = (0..4).map(|_| {
            let (sign_in, answer, attempt) = (desk.access.sign_in(), &answer, &attempt);
            let client = &client;
            async move { sign_in.passkey(attempt, answer, client).await.is_ok() }
        });
        let done = futures_util::future::join_all(tries).await;
        assert_eq!(done.into_iter().filter(|is_in| *is_in).count(), 1);
    }
}

#[tokio::test]
async fn x07_a_copied_passkey_is_refused_and_audited_and_five_failures_lock() {
    for desk in ready().await {
        desk.person("ann", "2001", 1).await;
        let mut one = Authenticator::es256();
        make(&desk, &desk.sign_in("ann").await, &mut one).await;
        one.count = Some(7);
        let (attempt, _) = waiting(&desk, "ann").await;
        show(&desk, &attempt, &mut one).await.unwrap();
        let (attempt, _) = waiting(&desk, "ann").await;
        for number in 0..6_u8 {
            // From other addresses each time: the account counts, not where from.
            let ip = std::net::Ipv4Addr::new(198, 51, 100, number);
            let from = Client::new(Some("x"), Some(ip.into()));
            one.count = Some(if number < 5 { 2 } else { 20 });
            let refused = show_from(&desk, &attempt, &mut one, &from).await.unwrap_err();
            let expected = if number < 5 { "passkey_refused" } else { "factor_locked" };
            assert_eq!(refused, expected, "{number}");
        }
        assert_eq!(audited(&desk.bench.store, "passkey.counter_back").await.len(), 5);
        desk.advance(301);
        assert!(show(&desk, &attempt, &mut one).await.is_ok());
    }
}

#[tokio::test]
async fn x07_b10_sec_a19_a_passkey_ends_the_forced_set_up_and_a_reset_password_asks_for_it() {
    for desk in ready().await {
        desk.set("mfa.required", json!("all")).await;
        desk.set("mfa.methods", json!(["passkey", "totp"])).await;
        desk.person("ann", "2001", 1).await;
        let step = desk.try_password("ann", PASSWORD).await.unwrap();
        let SignInStep::Enrol(signed_in) = step else { panic!("{step:?}") };
        let principal = &signed_in.principal;
        let mut one = Authenticator::es256();
        let challenge = begin(&desk, principal, None).await.unwrap();
        let made = finish(&desk, principal, &mut one, &challenge).await.unwrap();
        let checked = desk.access.check_cookie(signed_in.cookie.expose(), &client()).await;
        let now = checked.unwrap().principal;
        assert_eq!(now.proof, Proof::Cookie);
        let twice = begin(&desk, principal, None).await.unwrap_err();
        assert_eq!(twice, "method_refused", "who has one does not get around it by another");
        let signed_in = SignedIn { principal: now, ..signed_in };
        let principal = &signed_in.principal;

        let factors = desk.access.second_factor();
        let id = made.row.id;
        let last = factors.remove_passkey(principal, id, &secret(PASSWORD), &client()).await;
        assert_eq!(code_of(last.unwrap_err()), "factor_required", "the last one");
        desk.set_app_up(&signed_in).await;
        desk.set("mfa.methods", json!(["totp", "passkey"])).await;
        assert_eq!(waiting(&desk, "ann").await.1, ["totp", "passkey", "recovery"], "their order");
        desk.advance(60);
        let code = desk.totp(principal.user_id).await;
        factors.disable_totp(principal, &secret(PASSWORD), &code, &client()).await.unwrap();
        let status = factors.status(principal).await.unwrap();
        assert_eq!((status.totp, status.recovery_codes_left), (false, 10));

        let account = desk.access.account();
        account.forgot("ann@example.com", &client()).await.unwrap();
        let new = "marble thunder canoe";
        let key = desk.post.secret();
        account.reset(key.expose(), &secret(new), &client()).await.unwrap();
        let (attempt, methods, _) = factor(desk.try_password("ann", new).await.unwrap());
        assert_eq!(methods, ["passkey", "recovery"]);
        assert!(show(&desk, &attempt, &mut one).await.is_ok());
    }
}

#[tokio::test]
async fn x07_b10_sec_a19_of_two_sessions_that_set_up_the_one_that_is_late_adds_nothing() {
    for desk in ready().await {
        desk.set("mfa.required", json!("all")).await;
        desk.set("mfa.methods", json!(["passkey", "totp"])).await;
        let ann = desk.person("ann", "2001", 1).await;
        let enrol = async || match desk.try_password("ann", PASSWORD).await.unwrap() {
            SignInStep::Enrol(signed_in) => signed_in,
            other => panic!("{other:?}"),
        };
        let (first, late) = (enrol().await, enrol().await);
        let factors = desk.access.second_factor();
        factors.begin_totp(&late.principal).await.unwrap();
        let theirs = begin(&desk, &late.principal, None).await.unwrap();
        let challenge = begin(&desk, &first.principal, None).await.unwrap();
        finish(&desk, &first.principal, &mut Authenticator::es256(), &challenge).await.unwrap();

        let added = finish(&desk, &late.principal, &mut Authenticator::es256(), &theirs).await;
        assert_eq!(added.unwrap_err(), "method_refused");
        let code = desk.totp(ann.id).await;
        let confirmed = factors.confirm_totp(&late.principal, (&code, None), &client()).await;
        assert_eq!(code_of(confirmed.unwrap_err()), "method_refused");
        let begun = factors.begin_totp(&late.principal).await;
        assert_eq!(code_of(begun.unwrap_err()), "method_refused");
        let status = factors.status(&first.principal).await.unwrap();
        assert_eq!((status.passkeys, status.totp), (1, false));
    }
}

#[tokio::test]
async fn b11_b12_x07_administrators_see_passkeys_and_a_reset_takes_them_away() {
    for desk in ready().await {
        let ann = desk.person("ann", "2001", 1).await;
        let signed_in = desk.sign_in("ann").await;
        let mut one = Authenticator::es256();
        make(&desk, &signed_in, &mut one).await;
        let factors = desk.access.second_factor();
        let listed = async || {
            let list = factors.list(desk.bench.workspace.id).await.unwrap();
            let one = list.into_iter().find(|one| one.row.user_id == ann.id).unwrap();
            (one.method.map(|method| method.as_str()), one.row.last_used_at)
        };
        assert_eq!(listed().await, (Some("passkey"), Some(desk.now())));
        desk.set_app_up(&signed_in).await;
        assert_eq!(listed().await.0, Some("passkey"), "preferred");
        desk.set("mfa.methods", json!(["totp", "passkey"])).await;
        assert_eq!(listed().await.0, Some("totp"), "preferred");

        let begun = begin(&desk, &signed_in.principal, Some(PASSWORD)).await.unwrap();
        factors.reset(&desk.bench.actor, ann.id).await.unwrap();
        assert!(passkeys(&desk, ann.id).await.is_empty());
        let late = finish(&desk, &signed_in.principal, &mut one, &begun).await.unwrap_err();
        assert_eq!(late, "passkey_refused", "what was being made is void");
        let step = desk.try_password("ann", PASSWORD).await.unwrap();
        let SignInStep::Enrol(signed_in) = step else { panic!("{step:?}") };
        let challenge = begin(&desk, &signed_in.principal, None).await.unwrap();
        finish(&desk, &signed_in.principal, &mut one, &challenge).await.unwrap();
        let (attempt, _) = waiting(&desk, "ann").await;
        let done = show(&desk, &attempt, &mut one).await.unwrap();
        assert_eq!(done.principal.proof, Proof::Cookie, "set up anew");
    }
}

#[tokio::test]
async fn x07_passkeys_are_named_given_up_and_ten_at_most_and_nobody_elses() {
    for desk in ready().await {
        let ann = desk.person("ann", "2001", 1).await;
        desk.person("bob", "2002", 1).await;
        let (signed_in, bob) = (desk.sign_in("ann").await, desk.sign_in("bob").await);
        let principal = &signed_in.principal;
        let mut keys: Vec<_> = (0..10).map(|_| Authenticator::eddsa()).collect();
        for one in &mut keys {
            make(&desk, &signed_in, one).await;
        }
        let full = begin(&desk, principal, Some(PASSWORD)).await.unwrap_err();
        assert_eq!(full, "passkeys_full");
        let factors = desk.access.second_factor();
        let rows = factors.passkeys(principal).await.unwrap();
        let rename = async |of: &Principal, name: &str| {
            let renamed = factors.rename_passkey(of, rows[0].id, name, &client()).await;
            renamed.map_err(code_of)
        };
        let remove = async |of: &Principal, at: usize, password: &str| {
            let id = rows[at].id;
            factors.remove_passkey(of, id, &secret(password), &client()).await.map_err(code_of)
        };
        rename(principal, "Key in the drawer").await.unwrap();
        for bad in ["", " ", "a\nb", &"x".repeat(61)] {
            assert_eq!(rename(principal, bad).await.unwrap_err(), "invalid", "{bad}");
        }
        assert_eq!(rename(&bob.principal, "Mine").await.unwrap_err(), "not_found");
        assert_eq!(remove(&bob.principal, 0, PASSWORD).await.unwrap_err(), "not_found");
        assert_eq!(remove(principal, 0, "wrong").await.unwrap_err(), "wrong_password");
        for at in 0..10 {
            remove(principal, at, PASSWORD).await.unwrap();
        }
        assert!(passkeys(&desk, ann.id).await.is_empty());
        let status = factors.status(principal).await.unwrap();
        assert_eq!((status.passkeys, status.recovery_codes_left), (0, 0));
        assert!(matches!(desk.try_password("ann", PASSWORD).await, Ok(SignInStep::Done(_))));
        assert_eq!(audited(&desk.bench.store, "passkey.rename").await.len(), 1);
        assert_eq!(audited(&desk.bench.store, "second_factor.disable").await.len(), 10);
    }
}

#[tokio::test]
async fn x07_a_policy_without_passkeys_takes_no_new_ones_and_still_asks_for_those_there_are() {
    for desk in ready().await {
        desk.person("ann", "2001", 1).await;
        let signed_in = desk.sign_in("ann").await;
        let mut one = Authenticator::es256();
        make(&desk, &signed_in, &mut one).await;
        desk.set("mfa.methods", json!(["totp", "email"])).await;
        let refused = begin(&desk, &signed_in.principal, Some(PASSWORD)).await.unwrap_err();
        assert_eq!(refused, "method_refused");
        let (attempt, methods) = waiting(&desk, "ann").await;
        assert_eq!(methods, ["email", "passkey", "recovery"]);
        assert!(show(&desk, &attempt, &mut one).await.is_ok());
    }
}

#[tokio::test]
async fn x07_c20_an_api_key_is_made_with_the_passkey_shown_again() {
    for desk in ready().await {
        desk.person("ann", "2001", 1).await;
        let signed_in = desk.sign_in("ann").await;
        let mut one = Authenticator::es256();
        let codes = make(&desk, &signed_in, &mut one).await.recovery_codes;
        let principal = &signed_in.principal;
        let create = async |name: &str, code: Option<Secret>, passkey| {
            let scopes = crate::access::api_key::Scopes::parse("reports:read").unwrap();
            let new = NewKey { name: name.into(), scopes, expires_in_days: None };
            let shown = Shown { user: "ann".into(), password: secret(PASSWORD), code, passkey };
            let keys = desk.access.organisation().keys();
            let made = keys.create(principal, None, &new, &shown).await;
            made.map(drop).map_err(|error| error.to_string())
        };
        let bare = create("one", None, None).await.unwrap_err();
        assert!(bare.contains("second factor"), "{bare}");
        let asked = desk.access.second_factor().ask_for_passkey(principal).await.unwrap();
        let answer = one.show(asked.challenge.expose());
        create("one", None, Some(answer.clone())).await.unwrap();
        assert!(create("two", None, Some(answer)).await.is_err(), "once");
        create("two", Some(codes[0].clone()), None).await.unwrap();
        let (attempt, _) = waiting(&desk, "ann").await;
        let asked = desk.access.sign_in().ask_for_passkey(&attempt).await.unwrap();
        let elsewhere = one.show(asked.challenge.expose());
        assert!(create("three", None, Some(elsewhere)).await.is_err(), "asked for something else");
    }
}
