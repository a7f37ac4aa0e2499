//! The policy, the audit, the login history, the vault, backups.

use super::*;
use crate::base::Clock;
use crate::vault::Unseal;

#[tokio::test]
async fn b33_the_policy_is_shown_and_changed_all_or_nothing() {
    let desk = Desk::with_ann().await;
    let all = desk.typed("policy show").await.unwrap();
    assert!(all.starts_with("preset callcenter") && all.contains("1m to 30d"), "{all}");
    let set = "policy set session.idle_timeout=30m mfa.methods=totp pin.required=on";
    let words = desk.typed(set).await.unwrap();
    assert!(words.contains("30m") && words.lines().count() == 4, "{words}");
    let shown = desk.json("policy show").await;
    let item = |key: &str| {
        shown["items"].as_array().unwrap().iter().find(|item| item["key"] == key).unwrap().clone()
    };
    assert_eq!((&item("session.idle_timeout")["value"]), &Value::from(1800));
    assert_eq!((&item("pin.required")["source"]), &Value::from("set"));
    for (wrong, expected) in [
        ("policy set session.idle_timeout=1s pin.required=off", "60 to"),
        ("policy set session.idle_timeout=soon", "whole seconds"),
        ("policy set nothing=1", "ringfence policy show"),
        ("policy set pin.required", "KEY=VALUE|is not like"),
        ("policy preset best", "callcenter"),
    ] {
        let failure = desk.refused(wrong).await;
        assert_eq!(failure.exit, Exit::Usage, "{wrong}");
        let is_told = expected.split('|').any(|words| failure.words.contains(words));
        assert!(is_told, "{wrong}: {failure}");
    }
    assert_eq!(desk.audited("policy.change").await.len(), 3, "none of the refused ones");
    desk.typed("policy set pin.required=default").await.unwrap();
    desk.typed("policy preset workspace").await.unwrap();
    assert_eq!(desk.json("policy show").await["preset"], "workspace");
    assert_eq!(desk.audited("policy.preset").await[0].actor_kind, "command");
}

#[tokio::test]
async fn x18_the_audit_is_shown_newest_first_and_filtered() {
    let desk = Desk::with_ann().await;
    desk.typed("policy set pin.required=on").await.unwrap();
    let rows = desk.json("audit show").await;
    assert_eq!(rows[0]["action"], "policy.change");
    assert_eq!(rows[0]["actor"]["kind"], "command");
    assert_eq!(rows[0]["details"]["new"], true);
    let one = desk.json("audit show --limit 1").await;
    assert_eq!(one.as_array().unwrap().len(), 1);
    let words = desk.typed("audit show --action user.create").await.unwrap();
    assert!(words.lines().count() == 2 && words.contains("user.create"), "{words}");
    desk.typed("workspace add acme --owner olga --number 1 --no-password").await.unwrap();
    let there = desk.json("audit show --workspace acme").await;
    assert_eq!(there.as_array().unwrap().len(), 2, "{there}");
    assert_eq!(desk.refused("audit show --workspace nowhere").await.exit, Exit::Failed);
    assert_eq!(desk.refused("audit show --limit 0").await.exit, Exit::Usage);
}

#[tokio::test]
async fn sec_o05_the_first_tampered_row_is_named_with_exit_code_1() {
    let desk = Desk::with_ann().await;
    desk.typed("policy set pin.required=on").await.unwrap();
    let whole = desk.json("audit verify").await;
    assert_eq!((&whole["ok"], &whole["first_bad"]), (&true.into(), &Value::Null));
    assert!(desk.typed("audit verify").await.unwrap().contains("is whole"));
    tamper(&desk, "UPDATE audit SET details = '{}' WHERE seq = 2").await;
    let broken = desk.print("audit verify --json").await;
    let failure = broken.done.unwrap_err();
    assert_eq!(failure.exit.code(), 1);
    assert!(failure.words.contains("audit row 2"), "{failure}");
    let told: Value = serde_json::from_str(&broken.out).unwrap();
    assert_eq!((&told["ok"], &told["first_bad"]), (&false.into(), &2.into()));
    assert!(desk.print("audit verify").await.out.is_empty());
}

async fn tamper(desk: &Desk, sql: &'static str) {
    use sqlx::Connection;
    let file = desk.data.join("ringfence.db");
    let url = format!("sqlite://{}", file.display());
    let mut db = sqlx::sqlite::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query(sql).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
}

#[tokio::test]
async fn b35_the_login_history_is_shown_and_exported_and_the_export_audited() {
    let desk = Desk::with_ann().await;
    desk.typed("token mint --user ann").await.unwrap();
    desk.typed("session end-all --user ann").await.unwrap();
    let rows = desk.json("login-history").await;
    let events: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["event"].clone()).collect();
    assert!(events.contains(&"login".into()) && events.contains(&"revoked".into()), "{rows}");
    assert_eq!(rows[0]["user"]["name"], "ann");
    assert_eq!(desk.json("login-history --limit 1").await.as_array().unwrap().len(), 1);
    assert!(desk.typed("login-history").await.unwrap().starts_with("AT"));
    assert!(desk.audited("export.make").await.is_empty());
    let csv = desk.typed("login-history --csv").await.unwrap();
    assert!(csv.starts_with("at,event,method,user,ip,user_agent,session_id\r\n"), "{csv}");
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert_eq!(desk.audited("export.make").await[0].details, "{\"rows\":2}");
    assert_eq!(desk.refused("login-history --csv --json").await.exit, Exit::Usage);
}

#[tokio::test]
async fn the_vault_shows_its_keys_and_rotates_them_under_secrets_that_still_open() {
    let desk = Desk::with_ann().await;
    let file = desk.secret_file("canary-trunk-9");
    let add = format!("trunk add office sips:u@pbx.example.com --password-file {file}");
    desk.typed(&add).await.unwrap();
    let status = desk.typed("vault status").await.unwrap();
    assert!(status.starts_with("root key ") && status.contains("credentials"), "{status}");
    let rotated = desk.json("vault rotate").await;
    let keks = rotated["keks"].as_array().unwrap();
    let of = |id: u64| {
        let is_it = |kek: &&Value| kek["purpose"] == "credentials" && kek["id"] == id;
        keks.iter().find(is_it).unwrap()
    };
    assert_eq!((&of(1)["state"], &of(1)["sealed"]), (&"retiring".into(), &0.into()));
    assert_eq!((&of(2)["state"], &of(2)["sealed"]), (&"active".into(), &1.into()));
    desk.typed("trunk test office").await.unwrap();
    assert_eq!(*desk.noted.tested.borrow(), ["office canary-trunk-9"]);
    assert_eq!(desk.audited("vault.rotate").await.len(), 3);
}

#[tokio::test]
async fn a_sealed_server_gets_its_key_from_a_file_and_never_a_wrong_one() {
    let desk = Desk::with_ann().await;
    let key = desk.data.join("root.key");
    let unseal = format!("vault unseal --key-file {}", key.display());
    assert!(desk.refused(&unseal).await.words.contains("is the server waiting"));
    let installation = desk.store().await.installation().read().await.unwrap().unwrap();
    let bind = Unseal::bind(&desk.data, Some(installation.root_key_id), Clock::system());
    let waiting = tokio::spawn(bind.unwrap().wait());
    let wrong = desk.secret_file("mTkIhBtOKzNaFXBxYIL9mvyXzHRGzmOhV1rY8H7Vd2E=");
    let failure = desk.refused(&format!("vault unseal --key-file {wrong}")).await;
    assert_eq!(failure.exit, Exit::Config);
    assert!(!failure.words.contains("mTkIhBtOKzNaFX"), "{failure}");
    let bad = desk.secret_file("not a key");
    let failure = desk.refused(&format!("vault unseal --key-file {bad}")).await;
    assert!(failure.words.contains("32 random bytes"), "{failure}");
    assert!(desk.typed(&unseal).await.unwrap().contains("the server starts"));
    waiting.await.unwrap().unwrap();
    assert_eq!(desk.refused("vault unseal 3f2a").await.exit, Exit::Usage, "never on the line");
}

#[tokio::test]
async fn sec_c05_a_backup_restores_with_its_key_only_and_overwrites_nothing() {
    let desk = Desk::with_ann().await;
    let file = desk.secret_file("canary-trunk-9");
    let add = format!("trunk add office sips:u@pbx.example.com --password-file {file}");
    desk.typed(&add).await.unwrap();
    let kept = desk.folder.path().join("kept");
    let saved = desk.typed(&format!("backup {}", kept.display())).await.unwrap();
    assert!(saved.contains("worth nothing"), "{saved}");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = std::fs::read(&kept).unwrap();
    assert!(!bytes.windows(3).any(|window| window == b"ann"));
    let failure = desk.refused(&format!("backup {}", kept.display())).await;
    assert!(failure.words.contains("overwrites nothing"), "{failure}");
    assert_eq!(std::fs::read(&kept).unwrap(), bytes);
    assert_eq!(desk.refused("backup /nonexistent/backup").await.exit, Exit::Failed);

    let new = Desk::new();
    let restore = format!("restore {}", kept.display());
    let failure = new.refused(&restore).await;
    assert_eq!((failure.exit, new.data.exists()), (Exit::Config, false), "{failure}");
    let wrong = new.secret_file("mTkIhBtOKzNaFXBxYIL9mvyXzHRGzmOhV1rY8H7Vd2E=");
    let failure = new.refused(&format!("{restore} --root-key-file {wrong}")).await;
    assert_eq!(failure.exit, Exit::Config);
    assert!(!new.data.join("ringfence.db").exists(), "nothing half made is left");
    let key = desk.data.join("root.key");
    let with_key = format!("{restore} --root-key-file {}", key.display());
    let words = new.typed(&with_key).await.unwrap();
    assert!(words.contains("put the root key at"), "{words}");
    std::fs::copy(&key, new.data.join("root.key")).unwrap();
    assert_eq!(new.json("user list").await[0]["name"], "ann");
    new.typed("trunk test office").await.unwrap();
    assert_eq!(*new.noted.tested.borrow(), ["office canary-trunk-9"]);
    new.typed("audit verify").await.unwrap();
    assert_eq!(new.audited("backup.make").await.len(), 1, "it holds its own row");
    assert_eq!(new.audited("backup.restore").await.len(), 1);
    assert_eq!(new.refused(&with_key).await.exit, Exit::Usage, "there is data already");

    let cut = new.folder.path().join("cut");
    std::fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
    let third = Desk::new();
    let restore = format!("restore {} --root-key-file {}", cut.display(), key.display());
    assert!(third.refused(&restore).await.words.contains("nothing was restored"));
    let none = format!("restore {wrong} --root-key-file {}", key.display());
    assert!(third.refused(&none).await.words.contains("no backup"));
}

#[tokio::test]
async fn a_backup_is_not_restored_under_a_running_server() {
    let desk = Desk::with_ann().await;
    let kept = desk.folder.path().join("kept");
    desk.typed(&format!("backup {}", kept.display())).await.unwrap();
    let new = Desk::new();
    let _lock = crate::store::DataLock::take(&new.data).unwrap();
    let key = desk.data.join("root.key");
    let restore = format!("restore {} --root-key-file {}", kept.display(), key.display());
    assert!(new.refused(&restore).await.words.contains("another server"));
}
