//! Passwords: who gets in, what strangers learn, and what guessing costs.

use super::*;
use crate::access::testing::audited;

#[tokio::test]
async fn a1_x16_sec_a20_name_and_mail_lead_to_one_account_and_every_refusal_is_the_same() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 1).await;
        let bob = desk.person("bob", "2002", 1).await;
        desk.bench.store.users().set_disabled(bob.id, true, UnixTime(2)).await.unwrap();
        let eve = desk.person("eve", "2003", 1).await;
        let home = desk.bench.workspace.id;
        desk.bench.store.memberships().remove(home, eve.id).await.unwrap();
        for name in ["ann", "ANN", " ann ", "ann@example.com", "Ann@Example.com"] {
            assert_eq!(desk.sign_in(name).await.principal.user_id, ann.id);
        }
        let mut words = Vec::new();
        for (name, password) in [
            ("ann", "wrong horse battery"),
            ("nobody", PASSWORD),
            ("bob", PASSWORD),
            ("eve", PASSWORD),
            ("agent1001", PASSWORD),
            ("ann", "x"),
            ("", PASSWORD),
            ("ann\0", PASSWORD),
            ("' OR 1=1 --", PASSWORD),
        ] {
            let refused = desk.try_password(name, password).await.unwrap_err();
            words.push((refused.code(), refused.to_string()));
        }
        words.dedup();
        assert_eq!(words.len(), 1, "{words:?}");
        assert_eq!(words[0].0, "wrong_credentials");
    }
}

#[tokio::test]
async fn a2_sec_a37_nothing_of_a_password_is_cut_off() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 1).await;
        let account = desk.access.account();
        let set = async |password: &str| {
            account.set_password(&Actor::command(), ann.id, &secret(password)).await
        };
        assert_eq!(code_of(set("seven77").await.unwrap_err()), "password_too_short");
        let long = "\u{1f511}\u{1f41d}".repeat(64);
        set(&long).await.unwrap();
        assert_eq!(code_of(set(&format!("{long}x")).await.unwrap_err()), "password_too_long");
        let shorter: String = long.chars().take(127).collect();
        for wrong in [shorter, format!("{long}x")] {
            assert!(desk.try_password("ann", &wrong).await.is_err());
        }
        assert!(desk.try_password("ann", &long).await.is_ok());
        assert_eq!(code_of(set("password1").await.unwrap_err()), "password_common");
        assert_eq!(code_of(set("phones.example").await.unwrap_err()), "password_personal");
    }
}

#[tokio::test]
async fn sec_a21_noise_at_an_account_does_not_keep_its_owners_browser_out() {
    for desk in desks().await {
        desk.person("ann", "2001", 1).await;
        let device = desk.sign_in("ann").await.device_cookie.unwrap();
        let mut throttled = 0;
        for attacker in 0..500_u32 {
            let ip = std::net::Ipv4Addr::from(0xC633_6400 + attacker);
            let attacker = Client::new(Some("hydra"), Some(ip.into()));
            let wrong = secret("wrong horse battery");
            let refused = desk.access.sign_in().password("ann", &wrong, &attacker, None).await;
            throttled += usize::from(refused.unwrap_err().code() == "rate_limited");
        }
        assert!(throttled > 480, "{throttled}");
        let stranger = desk.try_password("ann", PASSWORD).await.unwrap_err();
        assert_eq!(stranger.code(), "rate_limited", "an unknown browser waits");
        let password = secret(PASSWORD);
        let own = desk.access.sign_in();
        let own = own.password("ann", &password, &client(), Some(device.expose())).await.unwrap();
        let SignInStep::Done(own) = own else { panic!() };
        assert!(own.device_cookie.is_none(), "it has one");
        let other = desk.person("bob", "2002", 1).await;
        let theirs = desk.access.sign_in();
        let theirs = theirs.password("bob", &password, &client(), Some(device.expose())).await;
        let SignInStep::Done(theirs) = theirs.unwrap() else { panic!() };
        assert_eq!(theirs.principal.user_id, other.id);
        assert!(theirs.device_cookie.is_some(), "ann's is not bob's");
    }
}

#[tokio::test]
async fn sec_a22_a_storm_of_sign_ins_is_bounded_and_blocks_nothing_else() {
    let desk = desks().await.remove(0);
    desk.person("ann", "2001", 1).await;
    let ann = desk.sign_in("ann").await;
    let access = Arc::new(desk.access);
    let storm: Vec<_> = (0..200)
        .map(|number| {
            let access = access.clone();
            tokio::spawn(async move {
                let (name, password) = (format!("nobody{number}"), secret(PASSWORD));
                let refused = access.sign_in().password(&name, &password, &client(), None).await;
                refused.unwrap_err().code()
            })
        })
        .collect();
    tokio::task::yield_now().await;
    for _ in 0..100 {
        assert!(access.check_cookie(ann.cookie.expose(), &client()).await.is_ok());
    }
    let mut codes = BTreeMap::<_, usize>::new();
    for refused in storm {
        *codes.entry(refused.await.unwrap()).or_default() += 1;
    }
    assert!(codes["busy"] >= 200 - crate::base::limit::PASSWORDS_WAITING_MAX - 8, "{codes:?}");
    assert_eq!(codes.values().sum::<usize>(), 200, "{codes:?}");
    assert!(codes.keys().all(|code| ["busy", "wrong_credentials"].contains(code)), "{codes:?}");
}

#[tokio::test]
async fn a19_sec_a26_sec_a39_old_hashes_are_renewed_and_a_failure_leaves_nothing_behind() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 1).await;
        // m=4096, made of the same password and salt by the reference program's parameters.
        use argon2::password_hash::PasswordHasher;
        let params = argon2::Params::new(4096, 1, 1, None).unwrap();
        let weak = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let weak = weak.hash_password(PASSWORD.as_bytes()).unwrap().to_string();
        desk.bench.store.users().set_password_hash(ann.id, &weak, &[], UnixTime(1)).await.unwrap();
        assert!(desk.try_password("ann", "wrong horse battery").await.is_err());
        let row = async || desk.bench.store.users().by_id(ann.id).await.unwrap().unwrap();
        assert_eq!(row().await.password_hash, Some(weak));
        let clean = desk.sign_in("ann").await.principal;
        let hash = row().await.password_hash.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(desk.try_password("ann", "wrong horse battery").await.is_err());
        let after = desk.sign_in("ann").await.principal;
        assert_eq!(
            crate::access::Principal { session_id: after.session_id, ..clean },
            after,
            "the same as without the failure"
        );
    }
}

#[tokio::test]
async fn a40_sec_a40_a_fresh_server_lets_nobody_in_before_its_link_is_used_once() {
    for test in crate::store::testing::each().await {
        let clock = crate::base::Clock::manual(UnixTime(1_000_000));
        let folder = test.folder.path();
        let vault = crate::vault::Vault::open(folder, &test.store, clock.unix()).await.unwrap();
        let vault = Arc::new(vault);
        let access = fresh(&test, &vault, &clock).await;
        for (name, password) in [("admin", "admin"), ("admin", "password"), ("root", "")] {
            let sign_in = access.sign_in();
            let refused = sign_in.password(name, &secret(password), &client(), None).await;
            assert_eq!(refused.unwrap_err().code(), "wrong_credentials");
        }
        access.ensure_home(&Actor::system()).await.unwrap();
        let set_up = access.set_up();
        let void = set_up.make_link(&Actor::command()).await.unwrap();
        let key = set_up.make_link(&Actor::command()).await.unwrap();
        let request = crate::access::SetUpRequest {
            name: "Boss".into(),
            display_name: "The Boss".into(),
            email: Some("boss@acme.example".into()),
            password: secret(PASSWORD),
            workspace: "Acme".into(),
        };
        let finish = async |key: &Secret, request: &crate::access::SetUpRequest| {
            set_up.finish(key, request, &client()).await.map_err(code_of)
        };
        assert_eq!(finish(&void, &request).await.unwrap_err(), "link_dead");
        let weak = crate::access::SetUpRequest { password: secret("12345678"), ..request.clone() };
        assert_eq!(finish(&key, &weak).await.unwrap_err(), "password_common");
        let boss = finish(&key, &request).await.unwrap().principal;
        assert_eq!((boss.role, boss.level, boss.at_home), (Role::Owner, Level::ADMIN, true));
        assert_eq!(finish(&key, &request).await.unwrap_err(), "link_used");
        let again = set_up.make_link(&Actor::command()).await.unwrap_err();
        assert_eq!(again.code(), "set_up_done");
        let spaces = test.store.workspaces().list().await.unwrap();
        assert_eq!(spaces.iter().map(|space| space.name.as_str()).collect::<Vec<_>>(), ["Acme"]);
        assert_eq!(audited(&test.store, "user.set_up_link").await.len(), 2);
    }
}
