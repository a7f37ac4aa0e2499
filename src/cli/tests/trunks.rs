//! `ringfence trunk`, and where the root key and the database are.

use super::*;
use crate::base::UnixTime;
use crate::store::TrunkState;

#[tokio::test]
async fn a_trunk_is_added_listed_tested_and_removed_and_its_password_rests_sealed() {
    let desk = Desk { noted: Noted { step_fails: true, ..Noted::default() }, ..Desk::new() };
    let file = desk.secret_file("canary-trunk-9");
    let add = format!("trunk add office sips:u@pbx.example.com --password-file {file}");
    desk.typed(&add).await.unwrap();
    assert!(desk.refused(&add).await.words.contains("already"));
    let list = desk.typed("trunk list").await.unwrap();
    assert!(list.contains("not connected yet"), "{list}");
    for entry in std::fs::read_dir(&desk.data).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(14).any(|window| window == b"canary-trunk-9"));
    }
    let store = desk.store().await;
    let trunk = store.trunks().by_name("office").await.unwrap().unwrap();
    let home = store.installation().read().await.unwrap().unwrap().home_workspace;
    assert_eq!(Some(trunk.workspace_id), home, "the first workspace was made");
    let state = TrunkState {
        word: "untrusted".into(),
        detail: "the certificate has expired".into(),
        at: UnixTime(1),
    };
    store.trunks().set_state(trunk.id, &state).await.unwrap();
    let list = desk.typed("trunk list").await.unwrap();
    assert!(list.contains("the certificate has expired"), "{list}");
    let failed = desk.refused("trunk test office").await;
    assert!(failed.words.contains("failed at `tls`: certificate has expired"), "{failed}");
    assert_eq!(*desk.noted.tested.borrow(), ["office canary-trunk-9"]);
    desk.typed("trunk remove office").await.unwrap();
    let list = desk.typed("trunk list").await.unwrap();
    assert!(list.contains("no trunks"), "{list}");
    assert_eq!(desk.refused("trunk remove office").await.exit, Exit::Failed);
}

#[tokio::test]
async fn sec_o06_a_trunk_is_added_and_removed_with_its_row_of_the_audit() {
    let desk = Desk::new();
    desk.typed("trunk add office sips:pbx.example.com").await.unwrap();
    desk.typed("trunk remove office").await.unwrap();
    for action in ["trunk.create", "trunk.delete"] {
        let rows = desk.audited(action).await;
        assert_eq!(rows.len(), 1, "{action}");
        assert_eq!(
            (rows[0].actor_kind.as_str(), rows[0].target_kind.as_str()),
            ("command", "trunk")
        );
        assert!(rows[0].workspace_id.is_some());
    }
    desk.typed("audit verify").await.unwrap();
}

#[tokio::test]
async fn sec_a28_a_trunk_of_another_workspace_is_not_there() {
    let desk = Desk::with_ann().await;
    desk.typed("workspace add acme --owner olga --number 1 --no-password").await.unwrap();
    let add = "trunk add office sips:pbx.example.com --workspace acme";
    desk.typed(add).await.unwrap();
    for words in ["trunk remove office", "trunk test office"] {
        let failure = desk.refused(&format!("{words} --workspace Ringfence")).await;
        assert!(failure.words.contains("there is no trunk"), "{failure}");
    }
    let here = desk.json("trunk list --workspace Ringfence").await;
    let there = desk.json("trunk list --workspace acme").await;
    assert_eq!((here.as_array().unwrap().len(), there.as_array().unwrap().len()), (0, 1));
}

#[tokio::test]
async fn a_trunk_password_on_the_command_line_is_refused_and_not_repeated() {
    let desk = Desk::new();
    let failure = desk.refused("trunk add office sips:u:hunter2@pbx.example.com").await;
    assert_eq!(failure.exit, Exit::Usage);
    assert!(!failure.words.contains("hunter2") && failure.words.contains("--password-file"));
}

#[tokio::test]
async fn c04_a_wrong_root_key_is_a_configuration_error_and_a_missing_folder_a_usage_error() {
    let desk = Desk::new();
    for words in [
        "user list",
        "workspace list",
        "key list",
        "session list",
        "policy show",
        "audit verify",
        "login-history",
        "vault status",
        "vault rotate",
        "invite list",
        "backup /nonexistent/backup",
    ] {
        assert_eq!(desk.refused(words).await.exit, Exit::Usage, "{words}");
    }
    assert!(!desk.data.exists());
    desk.typed("user add ann --number 2001 --no-password").await.unwrap();
    let key = desk.data.join("root.key");
    let kept = desk.folder.path().join("kept.key");
    std::fs::rename(&key, &kept).unwrap();
    let failure = desk.refused("user list").await;
    assert_eq!(failure.exit, Exit::Config);
    assert!(failure.words.contains("root key"), "{failure}");
    std::fs::write(&key, "mTkIhBtOKzNaFXBxYIL9mvyXzHRGzmOhV1rY8H7Vd2E=").unwrap();
    private(&key);
    let failure = desk.refused("user list").await;
    assert_eq!(failure.exit, Exit::Config);
    assert!(failure.words.contains("nothing was changed"), "{failure}");
    // Kept elsewhere, as for a sealed server.
    desk.typed(&format!("user list --root-key-file {}", kept.display())).await.unwrap();
}

#[tokio::test]
async fn postgres_is_used_when_the_configuration_names_it() {
    let Some((url, name)) = database().await else { return };
    let desk = Desk::new();
    let path = working_configuration(desk.folder.path());
    let text = std::fs::read_to_string(&path).unwrap();
    let secret = desk.secret_file(&url);
    std::fs::write(
        &path,
        text.replace("[tls]", &format!("[database]\nurl_file = \"{secret}\"\n[tls]")),
    )
    .unwrap();
    let config = format!("--config {}", path.display());
    let failure = desk.refused(&format!("user list {config}")).await;
    assert!(failure.exit == Exit::Usage && failure.words.contains("the database"), "{failure}");
    desk.typed(&format!("user add ann --number 2001 --no-password {config}")).await.unwrap();
    let list = desk.typed(&format!("user list {config}")).await.unwrap();
    assert!(list.contains("ann") && !desk.data.join("ringfence.db").exists(), "{name}: {list}");
}

/// A fresh database, where tests have a server.
async fn database() -> Option<(String, String)> {
    use sqlx::Connection;
    let url = std::env::var("RINGFENCE_TEST_POSTGRES").ok()?;
    let name = format!("c{}", uuid::Uuid::new_v4().simple());
    let mut admin = sqlx::postgres::PgConnection::connect(&url).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&mut admin).await.unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    Some((format!("{server}/{name}"), name))
}
