//! Invitations.

use super::*;

fn guest(name: &str) -> Guest {
    let password = Secret::new("three lamps glow");
    Guest { name: name.into(), display_name: Some(name.to_uppercase()), password }
}

fn invite(email: &str, role: Role, number: &str) -> NewInvite {
    NewInvite { email: email.into(), role, level: None, number: number.into() }
}

impl Office {
    /// The key in the newest letter.
    fn key(&self) -> String {
        let letters = self.told.letters.lock().unwrap();
        match &letters.last().unwrap().1 {
            Letter::Invite { key, .. } => key.expose().to_owned(),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a11_a12_an_invited_person_joins_once_as_what_they_were_invited() {
    for office in offices().await {
        let (owner, invites) = (office.owner().await, office.org.invites());
        let new = invite("Ann@Example.org", Role::Admin, "1010");
        let row = invites.create(&by(&owner), office.home(), &new).await.unwrap();
        assert_eq!(
            (row.role, row.level, row.email.as_str()),
            (Role::Admin, Level::ADMIN, "ann@example.org")
        );
        let key = office.key();
        let look = invites.look(&key).await.unwrap();
        assert_eq!(
            (look.workspace.as_str(), look.role, look.has_account),
            ("home", Role::Admin, false)
        );
        let weak = Guest { password: Secret::new("password"), ..guest("ann") };
        assert_eq!(code(invites.accept(&key, &weak).await), "password_common");
        assert_eq!(code(invites.accept(&key, &guest("agent1001")).await), "name_taken");
        let member = invites.accept(&key, &guest("ann")).await.unwrap();
        assert_eq!(
            (member.membership.role, member.membership.number.as_str()),
            (Role::Admin, "1010")
        );
        assert!(member.user.email_verified_at.is_some(), "the link came there");
        assert_eq!(code(invites.accept(&key, &guest("ann2")).await), "link_used");
        assert_eq!(code(invites.look(&key).await), "link_used");
        let listed = invites.list(office.home()).await.unwrap();
        assert_eq!(listed[0].1, InviteState::Accepted);
        assert_eq!(
            (office.count("invite.create").await, office.count("invite.accept").await),
            (1, 1)
        );
        let rows = audited(&office.bench.store, "invite.create").await;
        assert!(!rows[0].details.contains("example") && !rows[0].details.contains(&key));
    }
}

#[tokio::test]
async fn an_invitation_ends_after_seven_days_when_revoked_or_when_a_newer_one_is_sent() {
    for office in offices().await {
        let (owner, invites) = (office.owner().await, office.org.invites());
        let new = invite("ann@example.org", Role::Member, "1010");
        let send = async || {
            let row = invites.create(&by(&owner), office.home(), &new).await.unwrap();
            (row.id, office.key())
        };
        let (_, first) = send().await;
        let (second_id, second) = send().await;
        assert_eq!(code(invites.look(&first).await), "link_unknown");
        invites.revoke(&by(&owner), office.home(), second_id).await.unwrap();
        assert_eq!(code(invites.accept(&second, &guest("ann")).await), "link_unknown");
        assert_eq!(code(invites.revoke(&by(&owner), office.home(), second_id).await), "not_found");
        let (_, third) = send().await;
        office.wait(7 * 24 * 3600 - 1);
        invites.look(&third).await.unwrap();
        office.wait(1);
        assert_eq!(code(invites.accept(&third, &guest("ann")).await), "link_expired");
        for bad in ["", "x", &"a".repeat(43), &"a".repeat(100_000)] {
            assert_eq!(code(invites.look(bad).await), "link_unknown");
        }
    }
}

#[tokio::test]
async fn nobody_invites_above_themselves_and_a_demoted_inviter_s_links_are_dead() {
    for office in offices().await {
        let (owner, invites) = (office.owner().await, office.org.invites());
        let admin = office.hire("1002", Role::Admin, 9).await;
        let new = invite("ann@example.org", Role::Owner, "1010");
        let above = invites.create(&by(&admin), office.home(), &new).await;
        assert_eq!(code(above), "more_than_own_rights");
        let new = invite("ann@example.org", Role::Admin, "1002");
        assert_eq!(code(invites.create(&by(&admin), office.home(), &new).await), "number_taken");
        let new = invite("ann@example.org", Role::Admin, "1010");
        invites.create(&by(&admin), office.home(), &new).await.unwrap();
        let key = office.key();
        let (role, level) = (Some(Role::Member), Level::new(1));
        let demote = PersonChange { role, level, ..PersonChange::default() };
        office
            .org
            .people()
            .change(&by(&owner), office.home(), admin.user_id, &demote)
            .await
            .unwrap();
        assert_eq!(code(invites.accept(&key, &guest("ann")).await), "link_unknown");
    }
}

#[tokio::test]
async fn who_has_an_account_joins_signed_in_and_only_with_the_invited_verified_address() {
    for office in offices().await {
        let (owner, invites) = (office.owner().await, office.org.invites());
        let (two, bob) = office.bench.other_workspace("two", "2001", Level::AGENT).await;
        let new = invite("2001@example.com", Role::Member, "1010");
        invites.create(&by(&owner), office.home(), &new).await.unwrap();
        let key = office.key();
        assert!(invites.look(&key).await.unwrap().has_account);
        assert_eq!(code(invites.accept(&key, &guest("bob")).await), "account_exists");
        assert_eq!(code(invites.join(&owner, &key).await), "forbidden", "not theirs");
        let bob = office.principal(&two, &bob).await;
        let member = invites.join(&bob, &key).await.unwrap();
        assert_eq!((member.membership.workspace_id, member.user.id), (office.home(), bob.user_id));
        assert_eq!(code(invites.join(&bob, &key).await), "link_used");
        assert_eq!(office.org.workspaces().of_user(bob.user_id).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn of_two_who_accept_at_once_one_joins() {
    for office in offices().await {
        let (owner, invites) = (office.owner().await, office.org.invites());
        let new = invite("ann@example.org", Role::Member, "1010");
        invites.create(&by(&owner), office.home(), &new).await.unwrap();
        let key = office.key();
        let (one, two) = (guest("ann"), guest("eve"));
        let (one, two) = tokio::join!(invites.accept(&key, &one), invites.accept(&key, &two));
        let mut codes = [code(one), code(two)];
        codes.sort_unstable();
        assert_eq!(codes, ["link_used", "ok"]);
    }
}
