//! Accounts at identity providers: whom they let in, and when they are linked.

use serde_json::json;

use super::*;
use crate::access::Identity;
use crate::access::testing::audited;

fn identity(subject: &str, email: &str) -> Identity {
    Identity {
        issuer: "https://accounts.example".into(),
        subject: subject.into(),
        email: Some(email.into()),
        email_verified: true,
        provider: "google".into(),
        name: Some("Somebody".into()),
    }
}

#[tokio::test]
async fn a5_a6_a7_sec_a36_an_account_is_linked_only_where_both_sides_vouch_for_the_address() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 1).await;
        let bob = NewUser {
            name: "bob".into(),
            display_name: "Bob".into(),
            email: Some("bob@example.com".into()),
            email_verified_at: None,
            password_hash: None,
        };
        let bob = desk.bench.store.users().insert(&bob, UnixTime(1)).await.unwrap();
        desk.join(desk.bench.workspace.id, bob.id, "2002", 1).await;
        let enter = async |identity: &Identity| {
            let step = desk.access.sign_in().identity(identity, &client()).await;
            step.map_err(code_of).map(|step| match step {
                SignInStep::Done(signed_in) => signed_in.principal.user_id,
                other => panic!("{other:?}"),
            })
        };
        let unverified = Identity { email_verified: false, ..identity("1", "ann@example.com") };
        assert_eq!(enter(&unverified).await.unwrap_err(), "identity_unverified");
        let without = Identity { email: None, ..identity("1", "") };
        assert_eq!(enter(&without).await.unwrap_err(), "identity_unverified");
        let here_unverified = enter(&identity("2", "bob@example.com")).await.unwrap_err();
        assert_eq!(here_unverified, "link_requires_verification");
        assert!(desk.bench.store.identities().of_user(bob.id).await.unwrap().is_empty());
        assert_eq!(enter(&identity("1", "Ann@Example.com")).await.unwrap(), ann.id);
        let renamed = Identity { email_verified: false, ..identity("1", "else@example.com") };
        assert_eq!(enter(&renamed).await.unwrap(), ann.id, "the subject counts, not the address");
        let elsewhere = Identity { issuer: "https://evil.example".into(), ..renamed };
        assert_eq!(enter(&elsewhere).await.unwrap_err(), "identity_unverified");
        assert_eq!(enter(&identity("3", "new@example.com")).await.unwrap_err(), "no_account");
        assert_eq!(audited(&desk.bench.store, "identity.link").await.len(), 1);
        desk.bench.store.users().set_disabled(ann.id, true, UnixTime(9)).await.unwrap();
        assert_eq!(enter(&identity("1", "ann@example.com")).await.unwrap_err(), "no_account");
        for text in ["", "a\0b", &"x".repeat(3000)] {
            let refused = enter(&identity(text, "ann@example.com")).await.unwrap_err();
            assert_eq!(refused, "no_account");
        }
        let rows = desk.access.history().list_of(ann.id, None, 9).await.unwrap();
        assert!(rows.iter().all(|listing| listing.row.method == "google"));
    }
}

#[tokio::test]
async fn a5_where_anybody_may_sign_up_a_provider_makes_an_account() {
    for desk in desks().await {
        desk.set("signup.enabled", json!(true)).await;
        desk.person("new", "2001", 1).await;
        for subject in ["3", "4"] {
            let email = format!("new{subject}@example.org");
            let step = desk.access.sign_in().identity(&identity(subject, &email), &client()).await;
            let SignInStep::Done(signed_in) = step.unwrap() else { panic!() };
            let again = desk.access.sign_in().identity(&identity(subject, &email), &client()).await;
            let SignInStep::Done(again) = again.unwrap() else { panic!() };
            assert_eq!(signed_in.principal.user_id, again.principal.user_id);
            assert_eq!(signed_in.principal.role, Role::Owner);
            assert!(!signed_in.principal.at_home);
        }
    }
}
