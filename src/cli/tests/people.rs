//! People, workspaces, invitations, keys, sessions, tokens.

use super::*;

#[tokio::test]
async fn people_are_added_listed_and_given_tokens() {
    let desk = Desk::new();
    let file = desk.secret_file("correct horse battery");
    let add = format!("user add ann --number 2001 --level 5 --password-file {file}");
    assert!(desk.typed(&add).await.unwrap().contains("level 5 (supervisor)"));
    let twice = desk.refused(&add).await;
    assert!(twice.exit == Exit::Failed && twice.words.contains("another one has"), "{twice}");
    let list = desk.typed("user list").await.unwrap();
    assert!(list.starts_with("NUMBER") && list.contains("ann"), "{list}");
    let list = desk.json("user list").await;
    assert_eq!((&list[0]["has_password"], &list[0]["role"]), (&true.into(), &"member".into()));
    for name in ["ann", "2001"] {
        let minted = desk.json(&format!("token mint --user {name} --level 1")).await;
        assert_eq!((&minted["level"], &minted["expires_in"]), (&1.into(), &600.into()));
    }
    let minted = desk.print("token mint --user ann --level 9").await;
    assert!(minted.done.is_ok() && minted.err.contains("has level 5"), "{minted:?}");
    assert_eq!(desk.audited("token.mint").await.len(), 3);
    let other = desk.secret_file("another horse battery");
    let changed = desk.typed(&format!("user passwd ann --password-file {other}")).await.unwrap();
    assert!(changed.contains("3 sessions ended"), "{changed}");
    for wrong in [
        "user add bob --number 2002 --level 10 --no-password",
        "user add bob --number *43 --no-password",
        "user passwd ann --no-password",
        &format!("user passwd nobody --password-file {file}"),
        "token mint --user nobody",
        "user show nobody",
        "user add bob --number 2002 --workspace nowhere --no-password",
    ] {
        desk.refused(wrong).await;
    }
    assert_eq!(desk.json("user list").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a02_d10_a_password_the_policy_refuses_is_refused_from_a_shell_too() {
    let desk = Desk::with_ann().await;
    let file = desk.secret_file("password1");
    for words in [
        format!("user add bob --number 2002 --password-file {file}"),
        format!("user passwd ann --password-file {file}"),
    ] {
        let failure = desk.refused(&words).await;
        assert!(failure.words.contains("one of the first that are tried"), "{failure}");
        assert!(!failure.words.contains("password1"), "{failure}");
    }
    assert!(desk.audited("password.reset").await.is_empty());
}

#[tokio::test]
async fn one_person_is_shown_changed_kept_out_let_in_and_taken_out() {
    let desk = Desk::with_ann().await;
    desk.typed("user add bob --number 2002 --no-password").await.unwrap();
    let set = "user set bob --level 7 --role admin --number 2003 --display-name Bob \
               --email Bob@Example.com"
        .replace("               ", "");
    let changed = desk.typed(&set).await.unwrap();
    assert_eq!(changed, "changed bob: number 2003, admin, level 7\n");
    let shown = desk.json("user show bob@example.com").await;
    let expected = [
        ("number", "2003"),
        ("role", "admin"),
        ("tier", "manager"),
        ("display_name", "Bob"),
        ("email", "bob@example.com"),
    ];
    for (member, value) in expected {
        assert_eq!(shown[member], value, "{member}");
    }
    let words = desk.typed("user show 2003").await.unwrap();
    assert!(words.contains("bob@example.com, not verified"), "{words}");
    desk.typed("token mint --user bob").await.unwrap();
    desk.typed("user disable bob").await.unwrap();
    assert_eq!(desk.json("session list --user bob").await[0]["ended_reason"], "disabled");
    assert!(desk.refused("token mint --user bob").await.words.contains("disabled"));
    assert!(desk.typed("user list").await.unwrap().contains("disabled"));
    desk.typed("user enable bob").await.unwrap();
    desk.typed("token mint --user bob").await.unwrap();
    desk.typed("user remove bob").await.unwrap();
    desk.refused("user show bob").await;
    for (action, count) in [
        ("user.create", 2),
        ("user.role_change", 1),
        ("user.email_change", 1),
        ("user.disable", 1),
        ("user.enable", 1),
        ("user.delete", 1),
    ] {
        let rows = desk.audited(action).await;
        assert_eq!(rows.len(), count, "{action}");
        assert!(rows.iter().all(|row| row.actor_kind == "command"), "{action}");
    }
    desk.typed("audit verify").await.unwrap();
}

#[tokio::test]
async fn the_last_owner_stays() {
    let desk = Desk::with_ann().await;
    assert_eq!(desk.json("user show ann").await["role"], "owner", "level 9 where roles are hidden");
    for words in ["user remove ann", "user disable ann", "user set ann --role member"] {
        assert!(desk.refused(words).await.words.contains("last owner"), "{words}");
    }
}

#[tokio::test]
async fn a_second_factor_is_taken_away_and_a_password_link_made() {
    let desk = Desk::with_ann().await;
    desk.typed("user add bob --number 2002 --email bob@example.com --no-password").await.unwrap();
    desk.typed("user reset-second-factor bob").await.unwrap();
    assert_eq!(desk.audited("second_factor.reset").await.len(), 1);
    let link = desk.typed("user reset-link bob").await.unwrap();
    assert!(link.starts_with("http://localhost:8080/reset#k="), "{link}");
    assert_eq!(desk.json("user reset-link bob").await["user"], "bob");
    let rows = desk.audited("password.reset_request").await;
    assert_eq!((rows.len(), rows[0].details.contains("#k=")), (2, false));
    desk.refused("user reset-second-factor nobody").await;
    desk.refused("user reset-link nobody").await;
}

#[tokio::test]
async fn a_set_up_link_is_for_the_first_administrator_only() {
    let desk = Desk::new();
    let link = desk.typed("set-up-link").await.unwrap();
    assert!(link.starts_with("http://localhost:8080/set-up#k="), "{link}");
    assert!(desk.json("set-up-link").await["link"].as_str().unwrap().contains("/set-up#k="));
    desk.typed("user add ann --number 2001 --no-password").await.unwrap();
    assert!(desk.refused("set-up-link").await.words.contains("set up already"));
}

#[tokio::test]
async fn workspaces_are_made_renamed_closed_and_opened() {
    let desk = Desk::with_ann().await;
    let file = desk.secret_file("correct horse battery");
    let add = format!("workspace add acme --owner olga --number 2001 --password-file {file}");
    desk.typed(&add).await.unwrap();
    assert!(desk.refused(&add).await.words.contains("another one has"));
    assert_eq!(desk.json("user list --workspace acme").await[0]["role"], "owner");
    assert_eq!(
        desk.json("user list").await[0]["name"],
        "ann",
        "the same number, another workspace"
    );
    desk.refused("user show olga").await;
    desk.typed("workspace rename acme Acme").await.unwrap();
    desk.refused("user list --workspace acme").await;
    desk.typed("token mint --user olga --workspace Acme").await.unwrap();
    desk.typed("workspace disable Acme").await.unwrap();
    let ended = &desk.json("session list --workspace Acme").await[0]["ended_reason"];
    assert_eq!(ended, "disabled");
    desk.refused("token mint --user olga --workspace Acme").await;
    assert!(desk.typed("workspace list").await.unwrap().contains("disabled"));
    desk.typed("workspace enable Acme").await.unwrap();
    desk.typed("token mint --user olga --workspace Acme").await.unwrap();
    assert!(desk.refused("workspace disable Ringfence").await.words.contains("home workspace"));
    let list = desk.json("workspace list").await;
    assert_eq!((&list[0]["name"], &list[0]["people"]), (&"Acme".into(), &1.into()));
    desk.refused("workspace rename nowhere else").await;
    for action in ["workspace.disable", "workspace.enable", "workspace.update"] {
        assert_eq!(desk.audited(action).await.len(), 1, "{action}");
    }
}

#[tokio::test]
async fn an_invitation_is_made_with_its_link_listed_and_taken_back() {
    let desk = Desk::with_ann().await;
    let made = desk.json("invite create Bob@example.com --number 2002 --role admin").await;
    assert!(made["link"].as_str().unwrap().starts_with("http://localhost:8080/invite#k="));
    let words = desk.typed("invite create eve@example.com --number 2003").await.unwrap();
    assert!(words.contains("nothing was mailed") && words.contains("/invite#k="), "{words}");
    assert!(desk.typed("invite list").await.unwrap().contains("bob@example.com"));
    let id = made["id"].as_str().unwrap();
    desk.typed(&format!("invite revoke {id}")).await.unwrap();
    desk.typed("invite revoke eve@example.com").await.unwrap();
    let list = desk.json("invite list").await;
    assert!(list.as_array().unwrap().iter().all(|invite| invite["state"] == "revoked"), "{list}");
    for wrong in [
        format!("invite revoke {id}").as_str(),
        "invite create nobody --number 2004",
        "invite create eve@example.com --number 2001",
    ] {
        assert_eq!(desk.refused(wrong).await.exit, Exit::Failed, "{wrong}");
    }
}

#[tokio::test]
async fn a25_a27_a_key_is_shown_once_and_listed_masked_until_it_is_revoked() {
    let desk = Desk::with_ann().await;
    let text = desk.typed("key create crm --user ann --scope calls:read,users:read").await.unwrap();
    let text = text.trim();
    assert!(text.starts_with("dn_live_"), "{text}");
    let list = desk.typed("key list").await.unwrap();
    assert!(list.contains("dn_live_") && !list.contains(text) && list.contains("good"), "{list}");
    let made = desk.json("key create ops --user 2001 --scope calls:read --expires-in-days 1").await;
    assert!(made["key"].as_str().unwrap().len() > 60 && made["expires_at"].is_string());
    let id = made["id"].as_str().unwrap();
    desk.typed("key revoke crm").await.unwrap();
    desk.typed(&format!("key revoke {id}")).await.unwrap();
    let list = desk.json("key list").await;
    assert!(list.as_array().unwrap().iter().all(|key| key["revoked_at"].is_string()), "{list}");
    assert!(list[0].get("key").is_none());
    for (wrong, exit) in [
        ("key revoke crm", Exit::Failed),
        ("key create crm --user nobody --scope calls:read", Exit::Failed),
        ("key create crm --user ann --scope everything", Exit::Usage),
        ("key create crm --user ann", Exit::Usage),
        ("key create crm --user ann --scope calls:read --expires-in-days 0", Exit::Failed),
    ] {
        assert_eq!(desk.refused(wrong).await.exit, exit, "{wrong}");
    }
    assert_eq!(desk.audited("key.create").await[0].actor_kind, "command");
    assert_eq!(desk.audited("key.revoke").await.len(), 2);
}

#[tokio::test]
async fn a26_a33_the_eleventh_key_is_refused_from_a_shell_too() {
    let desk = Desk::with_ann().await;
    desk.typed("policy set api_keys.max_active=1").await.unwrap();
    desk.typed("key create one --user ann --scope calls:read").await.unwrap();
    let failure = desk.refused("key create two --user ann --scope calls:read").await;
    assert!(failure.words.contains("revoke one first"), "{failure}");
}

#[tokio::test]
async fn a37_sessions_are_listed_and_ended_one_or_all() {
    let desk = Desk::with_ann().await;
    for _ in 0..3 {
        desk.typed("token mint --user ann").await.unwrap();
    }
    let list = desk.json("session list").await;
    let id = list[0]["id"].as_str().unwrap();
    assert_eq!(
        (list[0]["user"]["name"].as_str(), &list[0]["method"]),
        (Some("ann"), &"minted".into())
    );
    desk.typed(&format!("session end {id}")).await.unwrap();
    for wrong in
        [format!("session end {id}").as_str(), "session end 7", "session end-all --user eve"]
    {
        assert_eq!(desk.refused(wrong).await.exit, Exit::Failed, "{wrong}");
    }
    assert_eq!(desk.json("session end-all --user ann").await["ended"], 2);
    let words = desk.typed("session list --user 2001").await.unwrap();
    assert_eq!(words.matches("revoked 20").count(), 3, "{words}");
    let rows = desk.audited("session.revoke").await;
    assert_eq!((rows.len(), rows[0].actor_kind.as_str()), (2, "command"));
    assert!(rows.iter().all(|row| row.workspace_id.is_some()));
}
