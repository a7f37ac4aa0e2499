//! Workspaces, who pays, and what strangers write.

use super::*;
use crate::base::limit::INQUIRY_CHARS_MAX;
use crate::store::BillingRow;

#[tokio::test]
async fn a_workspace_is_made_with_its_owner_and_closed_with_its_sessions() {
    for office in offices().await {
        let (owner, desk) = (office.owner().await, office.org.workspaces());
        let (two, boss) = desk.create(&by(&owner), " Two ", &person("boss", "1")).await.unwrap();
        assert_eq!(
            (two.name.as_str(), boss.membership.role, boss.membership.level),
            ("Two", Role::Owner, Level::ADMIN)
        );
        assert_eq!(code(desk.create(&by(&owner), "Two", &person("b2", "1")).await), "name_taken");
        assert_eq!(code(desk.create(&by(&owner), "", &person("b2", "1")).await), "invalid");
        let same_name = NewPerson { email: None, ..person("boss", "1") };
        assert_eq!(code(desk.create(&by(&owner), "Three", &same_name).await), "name_taken");
        let listed = desk.list().await.unwrap();
        let mut shown: Vec<_> = listed.iter().map(|w| (w.row.name.as_str(), w.people)).collect();
        shown.sort_unstable();
        assert_eq!(shown, [("Two", 1), ("home", 1)]);

        let session = office.principal(&two, &boss.user).await.session_id;
        let closed = desk.change(&by(&owner), two.id, None, Some(true)).await.unwrap();
        assert!(closed.disabled);
        assert_eq!(*office.told.ended.lock().unwrap(), [session]);
        assert!(desk.of_user(boss.user.id).await.unwrap().is_empty());
        let home = desk.change(&by(&owner), office.home(), None, Some(true)).await;
        assert_eq!(code(home), "home_workspace");
        let opened = desk.change(&by(&owner), two.id, Some("Zwei"), Some(false)).await.unwrap();
        assert_eq!((opened.name.as_str(), opened.disabled), ("Zwei", false));
        let missing = desk.change(&by(&owner), WorkspaceId::random(), Some("x"), None).await;
        assert_eq!(code(missing), "not_found");
        for (action, rows) in [("create", 1), ("disable", 1), ("enable", 1), ("update", 0)] {
            assert_eq!(office.count(&format!("workspace.{action}")).await, rows, "{action}");
        }
    }
}

#[tokio::test]
async fn a11_who_pays_is_kept_per_workspace_and_audited_without_the_address() {
    for office in offices().await {
        let (owner, billing) = (office.owner().await, office.org.billing());
        assert_eq!(billing.show(office.home()).await.unwrap(), BillingRow::default());
        let new = BillingRow {
            name: "Acme".into(),
            email: "Pay@Acme.example".into(),
            address: "1 Main St\nTown".into(),
            tax_number: "DE123".into(),
        };
        let row = billing.change(&by(&owner), office.home(), &new).await.unwrap();
        assert_eq!(row.email, "pay@acme.example");
        assert_eq!(billing.show(office.home()).await.unwrap(), row);
        let (two, _) = office.bench.other_workspace("two", "2001", Level::ADMIN).await;
        assert_eq!(billing.show(two.id).await.unwrap(), BillingRow::default());
        let rows = audited(&office.bench.store, "billing.change").await;
        assert!(rows.len() == 1 && !rows[0].details.contains("Main St"));
        let odd = BillingRow { email: "acme".into(), ..new };
        assert_eq!(code(billing.change(&by(&owner), office.home(), &odd).await), "invalid");
    }
}

#[tokio::test]
async fn a30_bookings_and_messages_are_kept_and_mailed_to_the_owners() {
    for office in offices().await {
        let desk = office.org.inquiries();
        let ask = |words: &str, wanted_at: &str| NewInquiry {
            name: "Eve".into(),
            email: "eve@example.org".into(),
            wanted_at: wanted_at.into(),
            words: words.into(),
            ip: Some("::ffff:192.0.2.1".parse().unwrap()),
        };
        desk.book_demo(&ask("", "Monday 10:00")).await.unwrap();
        desk.contact(&ask("hello\nthere", "")).await.unwrap();
        assert_eq!(code(desk.book_demo(&ask("hello", "")).await), "invalid");
        assert_eq!(code(desk.contact(&ask(" ", "")).await), "invalid");
        let long = "é".repeat(INQUIRY_CHARS_MAX + 1);
        assert_eq!(code(desk.contact(&ask(&long, "")).await), "invalid");
        assert_eq!(code(desk.contact(&ask("a\u{0}b", "")).await), "invalid");
        let rows = desk.list().await.unwrap();
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row.ip.as_deref() == Some("192.0.2.1")));
        let letters = office.told.letters.lock().unwrap();
        assert_eq!(letters.len(), 2);
        assert!(letters.iter().all(|(to, _)| to == "1001@example.com"));
    }
}
