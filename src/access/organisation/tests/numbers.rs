//! Phone numbers.

use serde_json::json;

use super::*;
use crate::access::policy::Permission;
use crate::store::{NewCall, NumberAccess, NumberId};

impl Office {
    /// A number of the home workspace, used by somebody.
    async fn number(&self, digits: &str, user: &Principal, access: NumberAccess) -> NumberId {
        let owner = self.owner().await;
        let numbers = self.org.numbers();
        let row = numbers.add(&by(&owner), self.home(), digits, "Sales").await.unwrap();
        numbers.share(&owner, None, (row.id, user.user_id), access).await.unwrap();
        row.id
    }

    async fn calling(&self, who: &Principal, asked: Option<&str>) -> &'static str {
        let found = self.org.numbers().calling_number(who.workspace_id, who.user_id, asked).await;
        match found {
            Ok(CallingNumber::Assigned(_)) => "assigned",
            Ok(CallingNumber::Extension) => "extension",
            Err(error) => error.code(),
        }
    }
}

#[tokio::test]
async fn a14_x6_a_number_s_owner_renames_shares_and_removes_it_though_only_a_member() {
    for office in offices().await {
        let ann = office.hire("1002", Role::Member, 1).await;
        let bob = office.hire("1003", Role::Member, 1).await;
        let id = office.number("+4930123", &ann, NumberAccess::Owner).await;
        let other = office.number("+4930124", &bob, NumberAccess::View).await;
        let numbers = office.org.numbers();
        assert_eq!(numbers.rename(&ann, None, id, " Support ").await.unwrap().row.label, "Support");
        numbers.share(&ann, None, (id, bob.user_id), NumberAccess::Shared).await.unwrap();
        let users = numbers.users(&ann, id).await.unwrap();
        let users: Vec<_> = users.iter().map(|u| (u.name.as_str(), u.access)).collect();
        assert_eq!(
            users,
            [("agent1002", NumberAccess::Owner), ("agent1003", NumberAccess::Shared)]
        );
        assert!(!ann.may(Permission::ManageNumbers), "X6: rights on this number alone");
        assert_eq!(code(numbers.rename(&ann, None, other, "mine").await), "not_found");
        numbers.unshare(&ann, None, (id, bob.user_id)).await.unwrap();
        assert_eq!(code(numbers.unshare(&ann, None, (id, bob.user_id)).await), "not_found");
        numbers.remove(&ann, None, id).await.unwrap();
        assert_eq!(code(numbers.show(&ann, id).await), "not_found");
        for action in ["update", "delete", "unassign"] {
            assert_eq!(office.count(&format!("number.{action}")).await, 1, "{action}");
        }
    }
}

#[tokio::test]
async fn a15_a_shared_user_calls_with_the_number_and_changes_nothing() {
    for office in offices().await {
        let ann = office.hire("1002", Role::Member, 1).await;
        let id = office.number("+4930123", &ann, NumberAccess::Shared).await;
        let numbers = office.org.numbers();
        assert_eq!(numbers.show(&ann, id).await.unwrap().access.as_str(), "shared");
        assert_eq!(office.calling(&ann, Some("+4930123")).await, "assigned");
        assert_eq!(code(numbers.rename(&ann, None, id, "x").await), "forbidden");
        assert_eq!(code(numbers.remove(&ann, None, id).await), "forbidden");
        assert_eq!(code(numbers.users(&ann, id).await), "forbidden");
        let to = (id, ann.user_id);
        let more = numbers.share(&ann, None, to, NumberAccess::Owner).await;
        assert_eq!(code(more), "forbidden", "nobody makes themselves owner");
    }
}

#[tokio::test]
async fn a16_a_viewer_sees_number_and_history_and_does_not_call() {
    for office in offices().await {
        let ann = office.hire("1002", Role::Member, 1).await;
        let id = office.number("+4930123", &ann, NumberAccess::View).await;
        let now = office.bench.clock.unix();
        let call = NewCall {
            workspace_id: office.home(),
            user_id: Some(office.bench.owner.id),
            number_id: Some(id),
            direction: "out",
            caller: "+4930123".into(),
            callee: "+4940999".into(),
            started_at: now,
            answered_at: None,
            ended_at: now.plus(Duration::from_secs(9)),
            cause: "busy",
        };
        office.bench.store.calls().insert(&call).await.unwrap();
        let numbers = office.org.numbers();
        assert_eq!(numbers.show(&ann, id).await.unwrap().access.as_str(), "view");
        let calls = numbers.history(&ann, id, None).await.unwrap();
        assert_eq!((calls.len(), calls[0].callee.as_str()), (1, "+4940999"));
        assert!(numbers.history(&ann, id, Some(now)).await.unwrap().is_empty());
        assert_eq!(office.calling(&ann, Some("+4930123")).await, "forbidden_number");
        assert_eq!(code(numbers.rename(&ann, None, id, "x").await), "forbidden");
        let bob = office.hire("1003", Role::Member, 8).await;
        assert_eq!(code(numbers.history(&bob, id, None).await), "not_found");
        assert_eq!(code(numbers.show(&bob, id).await), "not_found");
    }
}

#[tokio::test]
async fn a13_calls_go_out_from_assigned_numbers_only_where_that_is_required() {
    for office in offices().await {
        let ann = office.hire("1002", Role::Member, 1).await;
        let bob = office.hire("1003", Role::Member, 1).await;
        assert_eq!(office.calling(&ann, None).await, "extension", "callcenter");
        assert_eq!(office.calling(&ann, Some("1002")).await, "extension");
        assert_eq!(office.calling(&ann, Some("1003")).await, "forbidden_number", "another's");
        assert_eq!(office.calling(&ann, Some("+4930123")).await, "forbidden_number");
        office.preset("workspace").await;
        assert_eq!(office.calling(&ann, None).await, "forbidden_number");
        office.number("+4930123", &ann, NumberAccess::Shared).await;
        let numbers = office.org.numbers();
        let found = numbers.calling_number(office.home(), ann.user_id, None).await.unwrap();
        assert!(matches!(found, CallingNumber::Assigned(n) if n.number == "+4930123"));
        assert_eq!(office.calling(&ann, Some("1002")).await, "forbidden_number");
        assert_eq!(office.calling(&bob, Some("+4930123")).await, "forbidden_number");
        let owner = office.owner().await;
        assert_eq!(
            office.calling(&owner, Some("+4930123")).await,
            "forbidden_number",
            "managing numbers is no reason to call from them"
        );
        office.set("number.require_assigned", json!(false)).await;
        assert_eq!(office.calling(&bob, None).await, "extension");
    }
}

#[tokio::test]
async fn a12_administrators_see_and_change_all_numbers_and_members_theirs() {
    for office in offices().await {
        let admin = office.hire("1002", Role::Admin, 1).await;
        let ann = office.hire("1003", Role::Member, 1).await;
        let id = office.number("+4930123", &ann, NumberAccess::View).await;
        let numbers = office.org.numbers();
        numbers.add(&by(&admin), office.home(), "4930777", "Front desk").await.unwrap();
        let twice = numbers.add(&by(&admin), office.home(), "4930777", "x").await;
        assert_eq!(code(twice), "number_taken");
        for bad in ["", "+", "12", "12x4", "+1234567890123456", "1 2", "++123"] {
            assert_eq!(code(numbers.add(&by(&admin), office.home(), bad, "x").await), "invalid");
        }
        let of = async |who: &Principal| -> Vec<_> {
            let list = numbers.list(who).await.unwrap();
            list.iter().map(|n| (n.row.number.clone(), n.access.as_str())).collect()
        };
        let all = [("+4930123".to_owned(), "admin"), ("4930777".to_owned(), "admin")];
        let mut seen = of(&admin).await;
        seen.sort();
        assert_eq!(seen, all);
        assert_eq!(of(&ann).await, [("+4930123".to_owned(), "view")]);
        numbers.rename(&admin, None, id, "New").await.unwrap();
    }
}

#[tokio::test]
async fn sec_a28_numbers_of_another_workspace_are_as_if_they_did_not_exist() {
    for office in offices().await {
        let ann = office.hire("1002", Role::Member, 1).await;
        let id = office.number("+4930123", &ann, NumberAccess::Owner).await;
        let (two, bob) = office.bench.other_workspace("two", "2001", Level::ADMIN).await;
        let boss = office.principal(&two, &bob).await;
        let numbers = office.org.numbers();
        assert!(numbers.list(&boss).await.unwrap().is_empty());
        for id in [id, NumberId::random()] {
            let to = (id, boss.user_id);
            for error in [
                numbers.show(&boss, id).await.unwrap_err(),
                numbers.rename(&boss, None, id, "x").await.unwrap_err(),
                numbers.remove(&boss, None, id).await.unwrap_err(),
                numbers.history(&boss, id, None).await.unwrap_err(),
                numbers.users(&boss, id).await.unwrap_err(),
                numbers.share(&boss, None, to, NumberAccess::Owner).await.unwrap_err(),
                numbers.unshare(&boss, None, to).await.unwrap_err(),
            ] {
                assert_eq!(error.to_string(), "there is no such thing here");
            }
        }
        let stranger = numbers.share(&ann, None, (id, boss.user_id), NumberAccess::Owner).await;
        assert_eq!(code(stranger), "not_found", "not of this workspace");
        assert_eq!(office.calling(&boss, Some("+4930123")).await, "forbidden_number");
    }
}
