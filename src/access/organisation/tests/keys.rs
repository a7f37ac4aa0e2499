//! API keys.

use std::net::IpAddr;

use futures_util::future::join_all;
use serde_json::json;

use super::*;
use crate::access::api_key::{Scope, Scopes};
use crate::base::limit::API_KEY_TOUCH_EVERY;

const IP: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9)));

fn shown(user: &str, password: &str) -> Shown {
    Shown { user: user.into(), password: Secret::new(password), code: None, passkey: None }
}

fn key(name: &str) -> NewKey {
    let scopes = Scopes::from_iter([Scope::UsersWrite, Scope::CallsRead]);
    NewKey { name: name.into(), scopes, expires_in_days: None }
}

impl Office {
    async fn make(&self, who: &Principal, name: &str) -> Result<CreatedKey, OrganisationError> {
        let user = who.number.to_string();
        self.org.keys().create(who, IP, &key(name), &shown(&user, "right")).await
    }

    async fn check(&self, text: &Secret) -> Result<Principal, KeyError> {
        self.org.keys().check(text.expose(), IP).await
    }
}

#[tokio::test]
async fn a22_a24_a25_a27_c21_a_key_is_shown_once_and_kept_as_hash_and_mask() {
    for office in offices().await {
        let owner = office.owner().await;
        let made = office.make(&owner, "crm").await.unwrap();
        let text = made.text.expose();
        assert!(text.starts_with(&format!("dn_live_{}_", made.row.prefix)));
        assert_eq!(made.row.masked, format!("dn_live_{}…", made.row.prefix.split_at(4).0));
        let listed = office.org.keys().list(office.home(), Some(owner.user_id)).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(
            (listed[0].row.name.as_str(), listed[0].user_name.as_str()),
            ("crm", "agent1001")
        );
        assert!(!format!("{listed:?}{made:?}").contains(text), "C24: in no debug output");
        let rows = audited(&office.bench.store, "key.create").await;
        assert!(rows[0].details.contains("crm") && !rows[0].details.contains(text.split_at(17).1));
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        assert_eq!(made.row.key_hash, digest.as_ref());
    }
}

#[tokio::test]
async fn sec_a31_no_file_of_the_store_holds_a_key() {
    for office in offices().await {
        let owner = office.owner().await;
        let made = office.make(&owner, "crm").await.unwrap();
        let secret = made.text.expose().as_bytes()[17..].to_vec();
        office.check(&made.text).await.unwrap();
        for entry in std::fs::read_dir(office.bench.folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
}

#[tokio::test]
async fn a26_sec_a33_the_eleventh_key_is_refused_until_one_is_revoked_or_over() {
    for office in offices().await {
        let owner = office.owner().await;
        let mut first = None;
        for n in 0..9 {
            first = Some(office.make(&owner, &format!("key {n}")).await.unwrap());
        }
        let short = NewKey { expires_in_days: Some(1), ..key("short") };
        office.org.keys().create(&owner, IP, &short, &shown("1001", "right")).await.unwrap();
        assert_eq!(code(office.make(&owner, "one more").await), "api_key_limit");
        let id = first.unwrap().row.id;
        office.org.keys().revoke(&by(&owner), office.home(), id, None).await.unwrap();
        office.make(&owner, "one more").await.unwrap();
        assert_eq!(code(office.make(&owner, "two more").await), "api_key_limit");
        office.wait(24 * 3600);
        office.make(&owner, "two more").await.unwrap();
        office.preset("analytics").await;
        office.make(&owner, "x8 analytics has no limit").await.unwrap();
    }
}

#[tokio::test]
async fn a26_sec_a33_of_twenty_creates_at_nine_active_exactly_one_succeeds() {
    for office in offices().await {
        let owner = office.owner().await;
        for n in 0..9 {
            office.make(&owner, &format!("key {n}")).await.unwrap();
        }
        let names: Vec<_> = (0..20).map(|n| format!("race {n}")).collect();
        let done = join_all(names.iter().map(|name| office.make(&owner, name))).await;
        let codes: Vec<_> = done.into_iter().map(code).collect();
        assert_eq!(codes.iter().filter(|code| **code == "ok").count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == "api_key_limit").count(), 19);
    }
}

#[tokio::test]
async fn sec_a33_of_fifty_creates_exactly_ten_succeed() {
    for office in offices().await {
        let owner = office.owner().await;
        let names: Vec<_> = (0..50).map(|n| format!("race {n}")).collect();
        let done = join_all(names.iter().map(|name| office.make(&owner, name))).await;
        assert_eq!(done.iter().filter(|made| made.is_ok()).count(), 10);
        assert_eq!(office.count("key.create").await, 10);
    }
}

#[tokio::test]
async fn c20_a_key_needs_name_and_password_again_and_the_second_factor_of_who_has_one() {
    for office in offices().await {
        let owner = office.owner().await;
        let create = async |who: &Principal, shown: Shown| {
            code(office.org.keys().create(who, IP, &key("crm"), &shown).await)
        };
        assert_eq!(create(&owner, shown("1001", "wrong")).await, "reauth_required");
        assert_eq!(create(&owner, shown("1002", "right")).await, "reauth_required");
        let careful = office.hire("9009", Role::Admin, 9).await;
        assert_eq!(create(&careful, shown("9009", "right")).await, "reauth_code_required");
        assert_eq!(office.count("key.create").await, 0);
        let code = Some(Secret::new("123456"));
        assert_eq!(create(&careful, Shown { code, ..shown("9009", "right") }).await, "ok");
    }
}

#[tokio::test]
async fn c19_a_name_is_unique_until_its_key_is_revoked_and_free_in_another_workspace() {
    for office in offices().await {
        let owner = office.owner().await;
        let made = office.make(&owner, "crm").await.unwrap();
        assert_eq!(code(office.make(&owner, " crm ").await), "name_taken");
        let (two, bob) = office.bench.other_workspace("two", "2001", Level::ADMIN).await;
        let bob = office.principal(&two, &bob).await;
        office.make(&bob, "crm").await.unwrap();
        let keys = office.org.keys();
        keys.revoke(&by(&owner), office.home(), made.row.id, Some(owner.user_id)).await.unwrap();
        office.make(&owner, "crm").await.unwrap();
        let long = "x".repeat(65);
        for bad in ["", " ", "a\nb", "a\u{202e}b", &long] {
            assert_eq!(code(office.make(&owner, bad).await), "invalid", "{bad:?}");
        }
        for days in [0, 3651] {
            let bad = NewKey { expires_in_days: Some(days), ..key("odd") };
            let made = keys.create(&owner, IP, &bad, &shown("1001", "right")).await;
            assert_eq!(code(made), "invalid");
        }
    }
}

#[tokio::test]
async fn c15_a28_c23_sec_a34_a_key_lets_in_with_its_scopes_and_not_after_it_is_revoked() {
    for office in offices().await {
        let owner = office.owner().await;
        let made = office.make(&owner, "crm").await.unwrap();
        let principal = office.check(&made.text).await.unwrap();
        assert_eq!((principal.user_id, principal.workspace_id), (owner.user_id, office.home()));
        assert_eq!((principal.role, principal.at_home), (Role::Owner, true));
        let scopes: Arc<[Scope]> = Arc::new([Scope::UsersWrite, Scope::CallsRead]);
        assert_eq!(principal.proof, Proof::ApiKey(scopes));
        assert_eq!(principal.session_id.as_bytes(), made.row.id.as_bytes());

        let mut ends = office.org.parts.revocations.subscribe();
        let keys = office.org.keys();
        keys.revoke(&by(&owner), office.home(), made.row.id, None).await.unwrap();
        let refused = office.check(&made.text).await.unwrap_err();
        assert_eq!(refused.code(), "api_key_refused", "the very next request");
        assert_eq!(ends.try_recv().unwrap().session_id, principal.session_id, "sockets close");
        let again = keys.revoke(&by(&owner), office.home(), made.row.id, None).await;
        assert_eq!(code(again), "not_found");
        assert_eq!(office.count("key.revoke").await, 1);
    }
}

#[tokio::test]
async fn a28_unknown_and_wrong_keys_are_refused_alike() {
    for office in offices().await {
        let owner = office.owner().await;
        let made = office.make(&owner, "crm").await.unwrap();
        let other = crate::access::api_key::ApiKeyBrand::default().mint().unwrap();
        let refused =
            async |text: &str| office.org.keys().check(text, IP).await.unwrap_err().to_string();
        let unknown = refused(other.text.expose()).await;
        assert_eq!(unknown, "this API key is not valid");
        let text = made.text.expose();
        assert!(refused(text.split_at(text.len() - 1).0).await.contains("not an API key"));
        for bad in ["", "_", "dn_live_", "DN_live_x_y", "é_live"] {
            assert_eq!(
                office.org.keys().check(bad, IP).await.unwrap_err().code(),
                "api_key_malformed"
            );
        }
        office.set("api_keys.brand", json!("acme")).await;
        office.check(&made.text).await.unwrap();
        let branded = office.make(&owner, "new brand").await.unwrap();
        assert!(branded.text.expose().starts_with("acme_live_"), "A22: the brand is a setting");
        office.check(&branded.text).await.unwrap();
    }
}

#[tokio::test]
async fn a_key_ends_by_itself_and_its_use_is_noted_once_a_minute() {
    for office in offices().await {
        let owner = office.owner().await;
        let short = NewKey { expires_in_days: Some(1), ..key("short") };
        let keys = office.org.keys();
        let made = keys.create(&owner, IP, &short, &shown("1001", "right")).await.unwrap();
        let used_at = async || {
            let rows = office.org.keys().list(office.home(), None).await.unwrap();
            (rows[0].row.last_used_at, rows[0].row.last_used_ip.clone())
        };
        assert_eq!(used_at().await, (None, None));
        let begin = office.bench.clock.unix();
        office.check(&made.text).await.unwrap();
        assert_eq!(used_at().await, (Some(begin), Some("192.0.2.9".into())));
        office.wait(59);
        office.check(&made.text).await.unwrap();
        assert_eq!(used_at().await.0, Some(begin));
        office.wait(1);
        office.check(&made.text).await.unwrap();
        assert_eq!(used_at().await.0, Some(begin.plus(API_KEY_TOUCH_EVERY)));
        office.wait(24 * 3600 - 61);
        office.check(&made.text).await.unwrap();
        office.wait(1);
        assert_eq!(office.check(&made.text).await.unwrap_err().code(), "api_key_refused");
    }
}

#[tokio::test]
async fn sec_a27_sec_a34_a_demoted_or_disabled_person_s_key_is_worth_less_at_once() {
    for office in offices().await {
        let owner = office.owner().await;
        let ann = office.hire("1002", Role::Admin, 9).await;
        let made = office.make(&ann, "crm").await.unwrap();
        assert_eq!(office.check(&made.text).await.unwrap().role, Role::Admin);
        let change = async |wanted: PersonChange| {
            office.org.people().change(&by(&owner), office.home(), ann.user_id, &wanted).await
        };
        let (role, level) = (Some(Role::Member), Level::new(2));
        change(PersonChange { role, level, ..PersonChange::default() }).await.unwrap();
        let now = office.check(&made.text).await.unwrap();
        assert_eq!((now.role, now.level.get()), (Role::Member, 2));
        let off = PersonChange { disabled: Some(true), ..PersonChange::default() };
        change(off).await.unwrap();
        assert!(office.check(&made.text).await.is_err());
        let on = PersonChange { disabled: Some(false), ..PersonChange::default() };
        change(on).await.unwrap();
        office.check(&made.text).await.unwrap();
        office.org.people().remove(&by(&owner), office.home(), ann.user_id).await.unwrap();
        assert!(office.check(&made.text).await.is_err());
    }
}

#[tokio::test]
async fn c23_a_revocation_by_another_process_is_heard_at_the_next_look() {
    for office in offices().await {
        let owner = office.owner().await;
        let other = organisation(&office.bench, &office.told);
        office.wait(60);
        let (one, two) =
            (office.make(&owner, "one").await.unwrap(), office.make(&owner, "two").await.unwrap());
        office.check(&one.text).await.unwrap();
        office.check(&two.text).await.unwrap();
        other.keys().revoke(&by(&owner), office.home(), one.row.id, None).await.unwrap();
        let ann = office.hire("1002", Role::Owner, 9).await;
        office.wait(1);
        let demote = PersonChange { role: Some(Role::Member), ..PersonChange::default() };
        let (people, by_ann) = (other.people(), by(&ann));
        people.change(&by_ann, office.home(), owner.user_id, &demote).await.unwrap();
        assert_eq!(office.check(&two.text).await.unwrap().role, Role::Owner, "not yet heard");
        office.org.follow().await.unwrap();
        assert!(office.check(&one.text).await.is_err());
        assert_eq!(office.check(&two.text).await.unwrap().role, Role::Member);
        let left = office.org.keys().revoke_all_of(&by(&owner), owner.user_id, None).await;
        assert_eq!(left.unwrap(), 1);
        assert!(office.check(&two.text).await.is_err());
    }
}

#[tokio::test]
async fn sec_a28_keys_of_another_workspace_are_as_if_they_did_not_exist() {
    for office in offices().await {
        let owner = office.owner().await;
        let made = office.make(&owner, "crm").await.unwrap();
        let (two, bob) = office.bench.other_workspace("two", "2001", Level::ADMIN).await;
        let bob = office.principal(&two, &bob).await;
        let keys = office.org.keys();
        assert!(keys.list(two.id, None).await.unwrap().is_empty());
        let theirs = keys.revoke(&by(&bob), two.id, made.row.id, None).await.unwrap_err();
        let missing = keys.revoke(&by(&bob), two.id, crate::store::ApiKeyId::random(), None).await;
        assert_eq!(theirs.to_string(), missing.unwrap_err().to_string());
        let ann = office.hire("1002", Role::Member, 1).await;
        let own_only = Some(ann.user_id);
        let refused = keys.revoke(&by(&ann), office.home(), made.row.id, own_only).await;
        assert_eq!(code(refused), "not_found", "one's own keys only");
        office.check(&made.text).await.unwrap();
    }
}
