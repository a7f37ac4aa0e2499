//! How long sessions live, what ends them, and who hears of it.

use serde_json::json;

use super::*;
use crate::access::testing::audited;
use crate::access::{Of, Principal, TokenError};
use crate::store::Ending;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

#[tokio::test]
async fn b32_b33_sec_a11_the_idle_timeout_is_exact_slides_and_can_be_changed_for_open_sessions() {
    for desk in desks().await {
        desk.person("ann", "2001", 1).await;
        let ann = desk.sign_in("ann").await;
        for _ in 0..3 {
            desk.advance(8 * HOUR - 1);
            desk.access.follow().await.unwrap();
            assert!(desk.check(&ann).await.is_ok());
        }
        desk.advance(8 * HOUR + 1);
        assert_eq!(desk.check(&ann).await, Err("session_expired"));
        assert_eq!(desk.check(&ann).await, Err("session_expired"), "and stays so");

        let ann = desk.sign_in("ann").await;
        desk.set("session.idle_timeout", json!(1800)).await;
        desk.advance(1800);
        assert!(desk.check(&ann).await.is_ok());
        desk.advance(1801);
        assert_eq!(desk.check(&ann).await, Err("session_expired"), "at the next request");

        let ann = desk.sign_in("ann").await;
        desk.set("session.absolute_max", json!(HOUR)).await;
        for _ in 0..3 {
            desk.advance(HOUR / 4);
            assert!(desk.check(&ann).await.is_ok());
        }
        desk.advance(HOUR / 4);
        assert_eq!(desk.check(&ann).await, Err("session_expired"), "does not slide");
    }
}

#[tokio::test]
async fn sec_a12_a_token_in_use_does_not_keep_its_session() {
    for desk in desks().await {
        desk.person("ann", "2001", 1).await;
        let ann = desk.sign_in("ann").await;
        desk.set("session.idle_timeout", json!(300)).await;
        let token = desk.access.mint(&ann.principal).unwrap().token;
        for _ in 0..6 {
            desk.advance(50);
            desk.access.check_token(token.expose()).unwrap();
        }
        desk.advance(1);
        assert_eq!(desk.check(&ann).await, Err("session_expired"));
        assert!(desk.access.check_token(token.expose()).is_err(), "and the token with it");
    }
}

#[tokio::test]
async fn a7_a33_x1_x2_with_the_preset_workspace_a_session_lives_seven_days_without_use() {
    for desk in desks().await {
        desk.preset("workspace").await;
        desk.person("ann", "2001", 1).await;
        let ann = desk.sign_in("ann").await;
        for _ in 0..2 {
            desk.advance(7 * DAY - 1);
            assert!(desk.check(&ann).await.is_ok());
        }
        desk.advance(7 * DAY + 60);
        assert_eq!(desk.check(&ann).await, Err("session_expired"));
    }
}

#[tokio::test]
async fn a8_a34_who_works_is_never_logged_out_and_gets_the_cookie_again_every_24_h() {
    for desk in desks().await {
        desk.person("ann", "2001", 1).await;
        let ann = desk.sign_in("ann").await;
        let mut refreshed = Vec::new();
        for hour in 1..=30 * 24 {
            desk.advance(HOUR);
            desk.access.follow().await.unwrap();
            if desk.check(&ann).await.unwrap() {
                refreshed.push(hour);
            }
        }
        assert_eq!(refreshed, (1..=30).map(|day| day * 24).collect::<Vec<_>>());
        desk.access.clean_up().await.unwrap();
        assert!(desk.check(&ann).await.is_ok());
    }
}

#[tokio::test]
async fn a35_x4_a_check_reads_memory_for_three_hours_and_the_database_when_it_has_no_news() {
    for desk in desks().await {
        let user = desk.person("ann", "2001", 1).await;
        let ann = desk.sign_in("ann").await;
        let name = async || {
            let checked = desk.access.check_cookie(ann.cookie.expose(), &client()).await;
            checked.unwrap().principal.name.to_string()
        };
        let now = desk.now();
        desk.bench.store.users().set_shown(user.id, "Other", "UTC", now).await.unwrap();
        for _ in 0..12 {
            assert_eq!(name().await, "ANN", "from memory");
            desk.advance(900);
            desk.access.follow().await.unwrap();
        }
        assert_eq!(name().await, "Other", "read again after 3 h");
        desk.bench.store.users().set_shown(user.id, "Third", "UTC", now).await.unwrap();
        desk.advance(31);
        assert_eq!(name().await, "Third", "no news for 30 s");
    }
}

#[tokio::test]
async fn a10_b34_c4_c5_sec_a10_fifty_sessions_end_at_once_also_in_other_processes() {
    for desk in desks().await {
        let user = desk.person("ann", "2001", 1).await;
        let here = open(&desk.bench, &desk.post).await;
        let member = desk.member(user.id).await;
        let mut open = Vec::new();
        for _ in 0..50 {
            let signed_in = desk.access.sign_in().invited(&member, &client()).await.unwrap();
            let token = here.mint(&signed_in.principal).unwrap().token;
            here.check_cookie(signed_in.cookie.expose(), &client()).await.unwrap();
            open.push((signed_in, token));
        }
        let mut listener = here.revocations().subscribe();
        desk.advance(3);
        let actor = desk.bench.actor.clone();
        let sessions = desk.access.sessions();
        let ended = sessions.end_all(&actor, user.id, None, None, Ending::Revoked).await.unwrap();
        assert_eq!(ended, 50);
        for (_, token) in &open {
            let there = desk.access.check_token(token.expose());
            assert_eq!(there, Err(TokenError::SessionEnded), "here at once");
        }
        here.follow().await.unwrap();
        for (signed_in, token) in &open {
            assert_eq!(here.check_token(token.expose()), Err(TokenError::SessionEnded));
            let cookie = here.check_cookie(signed_in.cookie.expose(), &client()).await;
            assert_eq!(cookie.unwrap_err().code(), "session_ended");
            listener.try_recv().unwrap();
        }
        here.follow().await.unwrap();
        assert!(listener.try_recv().is_err(), "told once");
        assert_eq!(audited(&desk.bench.store, "session.revoke").await.len(), 1);
    }
}

#[tokio::test]
async fn x18_b34_ending_ones_own_and_others_sessions_is_one_thing_with_two_verbs() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 1).await;
        let [one, two] = [desk.sign_in("ann").await, desk.sign_in("ann").await];
        let sessions = desk.access.sessions();
        let end = async |actor: &Actor, of, id| {
            sessions.end(actor, of, id, Ending::Revoked).await.unwrap()
        };
        let other = Of::User(UserId::random());
        let id = one.principal.session_id;
        assert!(!end(&desk.bench.actor, other, id).await, "another's");
        let elsewhere = Of::Workspace(WorkspaceId::random());
        assert!(!end(&desk.bench.actor, elsewhere, id).await, "another workspace's");
        assert!(desk.check(&one).await.is_ok());
        assert!(end(&desk.bench.actor, Of::Workspace(desk.bench.workspace.id), id).await);
        assert!(!end(&desk.bench.actor, Of::Workspace(desk.bench.workspace.id), id).await);
        assert_eq!(desk.check(&one).await, Err("session_ended"));
        let actor = Actor::of(&two.principal, None);
        let ended = sessions.end_all(&actor, ann.id, None, None, Ending::Logout).await.unwrap();
        assert_eq!(ended, 1);
        assert_eq!(desk.check(&two).await, Err("session_ended"));
        assert_eq!(audited(&desk.bench.store, "session.revoke").await.len(), 1);
        assert_eq!(audited(&desk.bench.store, "session.end").await.len(), 1);
    }
}

#[tokio::test]
async fn a36_a_session_shows_where_it_is_used_and_a_move_is_audited_once() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 1).await;
        let signed_in = desk.sign_in("ann").await;
        let moved = Client::new(Some("Chrome/120"), Some("198.51.100.9".parse().unwrap()));
        for _ in 0..3 {
            let cookie = signed_in.cookie.expose();
            desk.access.check_cookie(cookie, &client()).await.unwrap();
            desk.access.check_cookie(cookie, &moved).await.unwrap();
        }
        let audited = audited(&desk.bench.store, "session.move").await;
        assert_eq!(audited.len(), 1, "an alternating browser is noted once a minute");
        assert!(audited[0].details.contains("198.51.100.9"), "{}", audited[0].details);
        let rows = desk.access.sessions().list_of(ann.id).await.unwrap();
        assert_eq!(rows[0].ip.as_deref(), Some("198.51.100.9"));
        assert_eq!(rows[0].user_agent.as_deref(), Some("Chrome/120"));
    }
}

#[tokio::test]
async fn c2_c3_b35_sec_o04_every_sign_in_and_every_end_is_one_row_of_list_and_history() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 1).await;
        let [one, two] = [desk.sign_in("ann").await, desk.sign_in("ann").await];
        let Principal { user_id, session_id, .. } = one.principal;
        let sessions = desk.access.sessions();
        let actor = Actor::of(&one.principal, None);
        sessions.end(&actor, Of::User(user_id), session_id, Ending::Logout).await.unwrap();
        let rows = desk.access.sessions().list_of(ann.id).await.unwrap();
        let ended: Vec<_> = rows.iter().filter_map(|row| row.ended).collect();
        assert_eq!((rows.len(), ended), (2, vec![(desk.now(), Ending::Logout)]));
        assert!(desk.try_password("ann", "wrong").await.is_err());
        assert!(desk.try_password("nobody", "wrong").await.is_err());
        desk.advance(8 * HOUR + 300);
        desk.access.clean_up().await.unwrap();
        assert_eq!(desk.check(&two).await, Err("session_expired"));
        let mut events = desk.events().await;
        assert_eq!(events.pop().as_deref(), Some("expired"));
        events.sort_unstable();
        assert_eq!(events, ["failure", "failure", "login", "login", "logout"]);
        let rows = desk.access.history().list_of(ann.id, None, 100).await.unwrap();
        assert_eq!(rows.len(), 5, "what nobody did is not ann's");
        for listing in rows {
            assert_eq!(listing.row.ip.as_deref(), Some("192.0.2.7"));
            assert_eq!(listing.row.user_agent.as_deref(), Some("Firefox/131.0"));
            assert_eq!(listing.user_name.as_deref(), Some("ann"));
        }
    }
}

#[tokio::test]
async fn sec_a27_cookies_and_tokens_count_for_less_the_moment_somebody_is_demoted() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 9).await;
        let signed_in = desk.sign_in("ann").await;
        let here = open(&desk.bench, &desk.post).await;
        let token = desk.access.mint(&signed_in.principal).unwrap().token;
        here.check_cookie(signed_in.cookie.expose(), &client()).await.unwrap();
        desk.advance(10);
        let (home, now) = (desk.bench.workspace.id, desk.now());
        let rights = (Role::Member, Level::AGENT, "2001");
        desk.bench.store.memberships().set(home, ann.id, rights, now).await.unwrap();
        here.follow().await.unwrap();
        let cookie = here.check_cookie(signed_in.cookie.expose(), &client()).await.unwrap();
        assert_eq!((cookie.principal.level, cookie.principal.role), (Level::AGENT, Role::Member));
        assert_eq!(here.check_token(token.expose()).unwrap().level, Level::AGENT);
        assert_eq!(here.rights_now(&signed_in.principal).level, Level::AGENT);
        here.shared.sessions().note_removed(home, ann.id);
        assert_eq!(here.rights_now(&signed_in.principal).level, Level::NONE);
    }
}

#[tokio::test]
async fn sec_a13_the_store_holds_no_cookie_and_a_session_survives_a_restart() {
    for desk in desks().await {
        desk.person("ann", "2001", 1).await;
        let [one, two] = [desk.sign_in("ann").await, desk.sign_in("ann").await];
        assert_ne!(one.cookie, two.cookie, "each sign-in has its own");
        for entry in std::fs::read_dir(desk.bench.folder.path()).unwrap() {
            let Ok(bytes) = std::fs::read(entry.unwrap().path()) else { continue };
            assert!(!bytes.windows(43).any(|window| window == one.cookie.expose().as_bytes()));
        }
        let again = open(&desk.bench, &desk.post).await;
        let checked = again.check_cookie(one.cookie.expose(), &client()).await.unwrap();
        assert_eq!(checked.principal, one.principal);
        for text in ["", "' OR 1=1 --", &"a".repeat(43), &"\u{1f511}".repeat(11)] {
            let refused = again.check_cookie(text, &client()).await.unwrap_err();
            assert_eq!(refused.code(), "not_signed_in");
        }
    }
}

#[tokio::test]
async fn a10_somebody_works_in_one_workspace_at_a_time_with_the_rights_they_have_there() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 9).await;
        let (other, _) = desk.bench.other_workspace("other", "3001", Level::ADMIN).await;
        desk.join(other.id, ann.id, "3002", 1).await;
        let first = desk.sign_in("ann").await;
        assert_eq!(
            (first.principal.workspace_id, first.principal.level),
            (desk.bench.workspace.id, Level::ADMIN)
        );
        let switch = desk.access.switch_workspace(&first.principal, other.id, &client()).await;
        let there = switch.unwrap().principal;
        assert_eq!(
            (there.workspace_id, there.level, there.role),
            (other.id, Level::AGENT, Role::Member)
        );
        assert!(first.principal.at_home && !there.at_home);
        assert_eq!(desk.check(&first).await, Err("session_ended"));
        let again = desk.access.switch_workspace(&first.principal, other.id, &client()).await;
        assert_eq!(again.unwrap_err().code(), "session_ended", "one cookie, one session");
        let nowhere = WorkspaceId::random();
        let refused = desk.access.switch_workspace(&there, nowhere, &client()).await.unwrap_err();
        assert_eq!(refused.code(), "not_found");
    }
}

#[tokio::test]
async fn sec_a11_a_session_is_as_old_in_another_workspace_as_it_was() {
    for desk in desks().await {
        let ann = desk.person("ann", "2001", 9).await;
        let (other, _) = desk.bench.other_workspace("other", "3001", Level::ADMIN).await;
        desk.join(other.id, ann.id, "3002", 1).await;
        let first = desk.sign_in("ann").await;
        desk.advance(7 * 3600);
        let switch = desk.access.switch_workspace(&first.principal, other.id, &client()).await;
        let there = switch.unwrap();
        let row = desk.bench.store.sessions().by_id(there.principal.session_id).await.unwrap();
        let row = row.unwrap();
        assert_eq!(desk.now().0 - row.created_at.0, 7 * 3600);
        assert_eq!(row.last_seen_at, desk.now());
        assert!(desk.check(&there).await.is_ok());
    }
}

#[tokio::test]
async fn development_people_have_each_tier_a_workspace_and_working_tokens_at_every_start() {
    for test in crate::store::testing::each().await {
        let clock = crate::base::Clock::manual(UnixTime(1_000_000));
        let folder = test.folder.path();
        let vault = crate::vault::Vault::open(folder, &test.store, clock.unix()).await.unwrap();
        let vault = Arc::new(vault);
        for _ in 0..2 {
            let access = fresh(&test, &vault, &clock).await;
            let agents = access.dev_agents().await.unwrap();
            let levels = agents.iter().map(|agent| agent.member.membership.level.get());
            assert_eq!(levels.collect::<Vec<_>>(), [1, 1, 5, 7, 9]);
            for agent in &agents {
                let principal = access.check_token(agent.token.expose()).unwrap();
                assert_eq!(*principal.number, agent.member.membership.number);
                assert!(principal.at_home);
            }
            assert_eq!(agents[4].member.membership.role, Role::Owner);
            let key = access.start_links().make(agents[0].member.user.id).unwrap();
            let started = access.sign_in().start(key.expose(), &client()).await.unwrap();
            assert_eq!(started.principal.user_id, agents[0].member.user.id);
            assert!(access.sign_in().start(key.expose(), &client()).await.is_err(), "once");
        }
        assert_eq!(test.store.workspaces().list().await.unwrap()[0].name, "Ringfence");
    }
}

/// 50,000 live sessions; run by hand: `cargo test --release sessions_in_memory -- --ignored`.
#[test]
#[ignore = "measures memory for a minute"]
fn fifty_thousand_live_sessions_take_less_than_100_mb() {
    use crate::access::live::{Live, LiveSessions, principal};
    use crate::store::{SessionId, SessionRow};
    let rss = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = rss();
    let live = LiveSessions::default();
    for number in 0..50_000_u32 {
        let user = UserRow {
            id: UserId::random(),
            name: format!("agent{number}"),
            display_name: format!("Agent Number {number}"),
            email: None,
            email_verified_at: None,
            must_verify: false,
            password_hash: None,
            password_changed_at: None,
            former_passwords: Vec::new(),
            time_zone: "UTC".into(),
            pin_hash: None,
            pin_failures: 0,
            pin_locked_until: UnixTime(0),
            disabled: false,
            created_at: UnixTime(1),
        };
        let membership = MembershipRow {
            workspace_id: WorkspaceId::random(),
            user_id: user.id,
            role: Role::Member,
            level: Level::AGENT,
            number: format!("{number}"),
            created_at: UnixTime(1),
            changed_at: UnixTime(1),
        };
        let row = SessionRow {
            id: SessionId::random(),
            user_id: user.id,
            workspace_id: membership.workspace_id,
            method: "password".into(),
            factor: None,
            enrolling: false,
            created_at: UnixTime(1),
            last_seen_at: UnixTime(1),
            refreshed_at: UnixTime(1),
            pin_until: UnixTime(0),
            ended: None,
            user_agent: Some("Mozilla/5.0".into()),
            ip: Some("192.0.2.1".into()),
        };
        let principal = principal(&row, &Member { user, membership }, true);
        let mut hash = [0; 32];
        aws_lc_rs::rand::fill(&mut hash).unwrap();
        live.put(hash, &Arc::new(Live::new(&row, principal, UnixTime(1))));
    }
    let took_kib = rss() - before;
    eprintln!("{} live sessions take {} MiB", live.len(), took_kib / 1024);
    assert!(live.len() == 50_000 && took_kib < 100_000, "{took_kib} KiB");
}
