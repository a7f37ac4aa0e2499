//! People.

use serde_json::json;

use super::*;

fn roles(role: Option<Role>, level: Option<u8>) -> PersonChange {
    PersonChange { role, level: level.and_then(Level::new), ..PersonChange::default() }
}

#[tokio::test]
async fn x5_roles_map_to_levels_at_creation_and_either_can_be_given() {
    for office in offices().await {
        office.set("ui.show_roles", json!(true)).await;
        let owner = office.owner().await;
        let add = async |name: &str, number: &str, role, level: Option<u8>| {
            let level = level.and_then(Level::new);
            let new = NewPerson { role, level, ..person(name, number) };
            let member = office.org.people().add(&by(&owner), office.home(), &new).await.unwrap();
            (member.membership.role, member.membership.level.get())
        };
        assert_eq!(add("a", "1", Some(Role::Owner), None).await, (Role::Owner, 9));
        assert_eq!(add("b", "2", Some(Role::Admin), None).await, (Role::Admin, 9));
        assert_eq!(add("c", "3", Some(Role::Member), None).await, (Role::Member, 1));
        assert_eq!(add("d", "4", None, None).await, (Role::Member, 1));
        assert_eq!(add("e", "5", None, Some(7)).await, (Role::Member, 7));
        assert_eq!(add("f", "6", Some(Role::Admin), Some(3)).await, (Role::Admin, 3));
        assert_eq!(add("g", "7", None, Some(9)).await, (Role::Member, 9));
        office.preset("callcenter").await;
        assert_eq!(add("h", "8", None, Some(9)).await, (Role::Owner, 9), "9 is the owner there");
        assert_eq!(add("i", "9", None, Some(8)).await, (Role::Member, 8));
        assert_eq!(office.count("user.create").await, 9);
    }
}

#[tokio::test]
async fn sec_a29_nobody_grants_or_touches_more_than_they_have() {
    for office in offices().await {
        let owner = office.owner().await;
        let admin = office.hire("1002", Role::Admin, 7).await;
        let people = office.org.people();
        for (role, level) in
            [(Some(Role::Owner), None), (None, Some(8)), (Some(Role::Admin), Some(9))]
        {
            let new = NewPerson { role, level: level.and_then(Level::new), ..person("new", "5") };
            let added = people.add(&by(&admin), office.home(), &new).await;
            assert_eq!(code(added), "more_than_own_rights", "{role:?} {level:?}");
        }
        let refused = async |user, wanted: PersonChange| {
            code(people.change(&by(&admin), office.home(), user, &wanted).await)
        };
        assert_eq!(
            refused(admin.user_id, roles(Some(Role::Owner), None)).await,
            "more_than_own_rights"
        );
        assert_eq!(refused(admin.user_id, roles(None, Some(9))).await, "more_than_own_rights");
        let off = PersonChange { disabled: Some(true), ..PersonChange::default() };
        assert_eq!(refused(owner.user_id, off).await, "more_than_own_rights");
        let mail = PersonChange { email: Some(Some("me@x.example".into())), ..Default::default() };
        assert_eq!(refused(owner.user_id, mail).await, "more_than_own_rights");
        let removed = people.remove(&by(&admin), office.home(), owner.user_id).await;
        assert_eq!(code(removed), "more_than_own_rights");
        assert_eq!(office.count("user.role_change").await, 0);
        let capped = NewPerson { role: Some(Role::Admin), ..person("capped", "6") };
        let capped = people.add(&by(&admin), office.home(), &capped).await.unwrap();
        assert_eq!(capped.membership.level.get(), 7, "the usual level, as far as they have it");
    }
}

#[tokio::test]
async fn the_last_owner_cannot_be_demoted_disabled_or_removed_also_when_two_go_at_once() {
    for office in offices().await {
        office.set("ui.show_roles", json!(true)).await;
        let owner = office.owner().await;
        let people = office.org.people();
        let refused = async |wanted: PersonChange| {
            code(people.change(&by(&owner), office.home(), owner.user_id, &wanted).await)
        };
        let off = PersonChange { disabled: Some(true), ..PersonChange::default() };
        assert_eq!(refused(roles(Some(Role::Admin), None)).await, "last_owner");
        assert_eq!(refused(off.clone()).await, "last_owner");
        let removed = people.remove(&by(&owner), office.home(), owner.user_id).await;
        assert_eq!(code(removed), "last_owner");
        office.preset("callcenter").await;
        assert_eq!(refused(roles(None, Some(5))).await, "last_owner", "roles hidden");

        let second = office.hire("1002", Role::Owner, 9).await;
        let demote = roles(Some(Role::Member), None);
        let (by_owner, by_second) = (by(&owner), by(&second));
        let (one, two) = tokio::join!(
            people.change(&by_owner, office.home(), owner.user_id, &demote),
            people.change(&by_second, office.home(), second.user_id, &demote),
        );
        let mut codes = [code(one), code(two)];
        codes.sort_unstable();
        assert_eq!(codes, ["last_owner", "ok"]);
    }
}

#[tokio::test]
async fn sec_a27_changed_rights_are_told_at_once_and_audited_with_old_and_new() {
    for office in offices().await {
        let owner = office.owner().await;
        let ann = office.hire("1002", Role::Admin, 9).await;
        let people = office.org.people();
        office.wait(5);
        let wanted =
            PersonChange { number: Some("1042".into()), ..roles(Some(Role::Member), Some(5)) };
        let member = people.change(&by(&owner), office.home(), ann.user_id, &wanted).await.unwrap();
        assert_eq!(member.membership.number, "1042");
        let level = Level::SUPERVISOR;
        assert_eq!(*office.told.changed.lock().unwrap(), [(ann.user_id, Role::Member, level)]);
        let rows = audited(&office.bench.store, "user.role_change").await;
        assert_eq!(
            rows[0].details,
            concat!(
                r#"{"new":{"level":5,"number":"1042","role":"member"},"#,
                r#""old":{"level":9,"number":"1002","role":"admin"}}"#
            )
        );
        let now = office.bench.clock.unix();
        let changed = office.bench.store.memberships().changed_since(now).await.unwrap();
        assert_eq!(changed.len(), 1, "other processes hear of it");
        let nothing = people.change(&by(&owner), office.home(), ann.user_id, &wanted).await;
        nothing.unwrap();
        assert_eq!(office.count("user.role_change").await, 1, "nothing changed");
    }
}

#[tokio::test]
async fn a_disabled_person_s_sessions_end_and_are_in_the_login_history() {
    for office in offices().await {
        let owner = office.owner().await;
        let ann = office.hire("1002", Role::Member, 1).await;
        let wanted = PersonChange { disabled: Some(true), ..PersonChange::default() };
        let people = office.org.people();
        people.change(&by(&owner), office.home(), ann.user_id, &wanted).await.unwrap();
        assert_eq!(*office.told.ended.lock().unwrap(), [ann.session_id]);
        let session = office.bench.store.sessions().by_id(ann.session_id).await.unwrap().unwrap();
        assert_eq!(session.ended.unwrap().1.as_str(), "disabled");
        assert!(people.show(office.home(), ann.user_id).await.unwrap().member.user.disabled);
        assert_eq!(office.count("user.disable").await, 1);
    }
}

#[tokio::test]
async fn somebody_removed_loses_sessions_keys_and_numbers_here_and_stays_elsewhere() {
    for office in offices().await {
        let (owner, store) = (office.owner().await, &office.bench.store);
        let ann = office.hire("1002", Role::Member, 1).await;
        let (two, _) = office.bench.other_workspace("two", "2001", Level::ADMIN).await;
        let mut elsewhere = store
            .memberships()
            .member(office.home(), ann.user_id)
            .await
            .unwrap()
            .unwrap()
            .membership;
        elsewhere.workspace_id = two.id;
        store.memberships().insert(&elsewhere).await.unwrap();
        let people = office.org.people();
        people.remove(&by(&owner), office.home(), ann.user_id).await.unwrap();
        assert_eq!(*office.told.removed.lock().unwrap(), [ann.user_id]);
        assert_eq!(*office.told.ended.lock().unwrap(), [ann.session_id]);
        assert_eq!(code(people.show(office.home(), ann.user_id).await), "not_found");
        people.show(two.id, ann.user_id).await.unwrap();
        people.remove(&Author::command(), two.id, ann.user_id).await.unwrap();
        assert!(store.users().by_id(ann.user_id).await.unwrap().is_none(), "belongs nowhere");
        assert_eq!(
            (office.count("member.remove").await, office.count("user.delete").await),
            (1, 1)
        );
    }
}

#[tokio::test]
async fn sec_a28_one_workspace_neither_sees_nor_changes_people_of_another() {
    for office in offices().await {
        let (owner, people) = (office.owner().await, office.org.people());
        let (two, bob) = office.bench.other_workspace("two", "2001", Level::ADMIN).await;
        let carol = person("carol", "2002");
        let carol = people.add(&Author::command(), two.id, &carol).await.unwrap();
        let boss = office.principal(&two, &bob).await;
        let wanted = PersonChange { disabled: Some(true), ..roles(Some(Role::Member), None) };
        for user in [owner.user_id, UserId::random()] {
            let by = by(&boss);
            let errors = [
                people.show(two.id, user).await.unwrap_err(),
                people.change(&by, two.id, user, &wanted).await.unwrap_err(),
                people.remove(&by, two.id, user).await.unwrap_err(),
            ];
            for error in errors {
                assert_eq!(
                    (error.code(), error.to_string().as_str()),
                    ("not_found", "there is no such thing here")
                );
            }
        }
        assert_eq!(people.list(office.home()).await.unwrap().len(), 1);

        // Somebody of both: what they are everywhere is not one workspace's to change.
        let shared = office.bench.store.memberships();
        let mut shared = shared;
        let mut row = carol.membership.clone();
        (row.workspace_id, row.number) = (office.home(), "1077".into());
        shared.insert(&row).await.unwrap();
        for wanted in [
            PersonChange { email: Some(Some("boss@two.example".into())), ..Default::default() },
            PersonChange { disabled: Some(true), ..Default::default() },
        ] {
            let refused = people.change(&by(&boss), two.id, carol.user.id, &wanted).await;
            assert_eq!(code(refused), "shared_person");
        }
        let level = roles(None, Some(2));
        people.change(&by(&boss), two.id, carol.user.id, &level).await.unwrap();
        let here = people.show(office.home(), carol.user.id).await.unwrap();
        assert_eq!(here.member.membership.level.get(), 1, "each workspace its own");
    }
}

#[tokio::test]
async fn a10_the_same_person_is_owner_here_and_member_there() {
    use crate::access::policy::Permission;
    for office in offices().await {
        let (two, _) = office.bench.other_workspace("two", "2001", Level::ADMIN).await;
        let store = &office.bench.store;
        let owner = office.owner().await;
        let mut row = store
            .memberships()
            .member(office.home(), owner.user_id)
            .await
            .unwrap()
            .unwrap()
            .membership;
        (row.workspace_id, row.role, row.level) = (two.id, Role::Member, Level::AGENT);
        store.memberships().insert(&row).await.unwrap();
        let there = office.principal(&two, &office.bench.owner).await;
        for permission in [Permission::Invite, Permission::Billing, Permission::ManageSettings] {
            assert!(owner.may(permission) && !there.may(permission));
        }
        let places = office.org.workspaces().of_user(owner.user_id).await.unwrap();
        let roles: Vec<_> = places.iter().map(|(_, member)| member.membership.role).collect();
        assert_eq!(roles.len(), 2);
        assert!(roles.contains(&Role::Owner) && roles.contains(&Role::Member));
    }
}

#[tokio::test]
async fn odd_fields_and_taken_names_are_refused_and_nothing_is_added() {
    for office in offices().await {
        let (owner, people) = (office.owner().await, office.org.people());
        let add = async |change: &dyn Fn(&mut NewPerson)| {
            let mut new = person("bob", "1050");
            change(&mut new);
            code(people.add(&by(&owner), office.home(), &new).await)
        };
        assert_eq!(add(&|p| p.name = "b\r\nob".into()).await, "invalid");
        assert_eq!(add(&|p| p.name = String::new()).await, "invalid");
        assert_eq!(add(&|p| p.display_name = Some("x\u{0}".into())).await, "invalid");
        assert_eq!(add(&|p| p.email = Some("nobody".into())).await, "invalid");
        assert_eq!(add(&|p| p.email = Some("a@b@c.example".into())).await, "invalid");
        assert_eq!(add(&|p| p.number = "*43".into()).await, "invalid");
        assert_eq!(add(&|p| p.number = "1001".into()).await, "number_taken");
        assert_eq!(add(&|p| p.name = "Agent1001".into()).await, "name_taken");
        assert_eq!(add(&|p| p.email = Some("1001@EXAMPLE.com".into())).await, "email_taken");
        assert_eq!(add(&|p| p.password = Some(Secret::new("short"))).await, "password_too_short");
        assert_eq!(
            add(&|p| p.password = Some(Secret::new("Bob-bob-1"))).await,
            "password_personal"
        );
        assert_eq!(people.list(office.home()).await.unwrap().len(), 1);
        assert_eq!(office.count("user.create").await, 0);
        assert_eq!(add(&|p| p.password = Some(Secret::new("three lamps glow"))).await, "ok");
        let bob = people.list(office.home()).await.unwrap().remove(1).member.user;
        assert_eq!((bob.name.as_str(), bob.email.as_deref()), ("bob", Some("bob@example.com")));
        assert!(bob.password_hash.unwrap().starts_with("$argon2id$"), "A19");
        assert_eq!(bob.email_verified_at, None);
        office.set("password.min_length", json!(20)).await;
        let short = &|p: &mut NewPerson| p.password = Some(Secret::new("three lamps glow"));
        assert_eq!(add(short).await, "password_too_short", "B36");
    }
}

#[tokio::test]
async fn another_mail_address_is_unverified_and_the_same_one_stays_verified() {
    for office in offices().await {
        let (owner, people) = (office.owner().await, office.org.people());
        let ann = office.hire("1002", Role::Member, 1).await;
        let change = async |wanted: PersonChange| {
            people.change(&by(&owner), office.home(), ann.user_id, &wanted).await.unwrap();
            people.show(office.home(), ann.user_id).await.unwrap()
        };
        let name = PersonChange { display_name: Some(" Ann ".into()), ..Default::default() };
        let shown = change(name).await;
        assert_eq!(shown.member.user.display_name, "Ann");
        assert!(shown.member.user.email_verified_at.is_some());
        assert_eq!(shown.second_factor, "email");
        let mail =
            PersonChange { email: Some(Some("ann@new.example".into())), ..Default::default() };
        let shown = change(mail).await;
        assert!(shown.member.user.email_verified_at.is_none());
        assert_eq!((shown.second_factor, shown.last_seen_at.is_some()), ("none", true));
        let none = PersonChange { email: Some(None), ..Default::default() };
        assert_eq!(change(none).await.member.user.email, None);
        let rows = audited(&office.bench.store, "user.email_change").await;
        assert!(rows.len() == 2 && rows.iter().all(|row| !row.details.contains("new.example")));
    }
}
