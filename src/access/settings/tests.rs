//! Settings against both databases.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::access::api_key::ApiKeyBrand;
use crate::access::principal::Actor;
use crate::access::testing::{self, Bench};
use crate::access::throttle::RateLimit;
use crate::store::Level;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn values(pairs: &[(&str, Value)]) -> BTreeMap<String, Value> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

fn in_preset(preset: Preset) -> Policy {
    Policy::of(preset, &BTreeMap::new())
}

#[test]
fn every_default_and_every_preset_is_within_its_range_and_names_are_unique() {
    let mut keys = std::collections::BTreeSet::new();
    for setting in Setting::ALL {
        assert!(keys.insert(setting.key()));
        assert_eq!(Setting::from_key(setting.key()), Some(*setting));
        for preset in Preset::ALL {
            let value = setting.value_in(preset);
            assert_eq!(setting.kind().check(&value), Ok(()), "{} in {preset:?}", setting.key());
            let json: Value = serde_json::from_str(&value.to_string()).unwrap();
            assert_eq!(setting.kind().check(&json), Ok(()), "{}", setting.key());
        }
        assert_eq!(setting.preset_value(Preset::Defaults), None);
    }
}

#[test]
fn x1_x2_a7_a33_b32_sessions_idle_seven_days_in_workspace_and_eight_hours_in_callcenter() {
    assert_eq!(in_preset(Preset::Workspace).session_idle_timeout, 7 * DAY);
    assert_eq!(in_preset(Preset::Workspace).session_refresh_every, DAY);
    assert_eq!(in_preset(Preset::Callcenter).session_idle_timeout, 8 * HOUR);
    assert_eq!(in_preset(Preset::Defaults).session_idle_timeout, 8 * HOUR);
    for preset in [Preset::Workspace, Preset::Callcenter, Preset::Analytics] {
        assert_eq!(in_preset(preset).session_absolute_max, None);
    }
    assert_eq!(in_preset(Preset::Defaults).session_absolute_max, Some(30 * DAY));
}

#[test]
fn x5_workspace_hides_levels_and_callcenter_hides_roles() {
    let shows = |preset| (in_preset(preset).show_levels, in_preset(preset).show_roles);
    assert_eq!(shows(Preset::Workspace), (false, true));
    assert_eq!(shows(Preset::Callcenter), (true, false));
    assert_eq!(shows(Preset::Defaults), (true, true));
}

#[test]
fn x7_x8_x10_x12_x14_x15_presets_hold_what_the_conflicts_were_resolved_to() {
    use FactorMethod::{Email, Passkey, Totp};
    assert_eq!(in_preset(Preset::Callcenter).mfa_methods, [Totp, Email]);
    assert_eq!(in_preset(Preset::Analytics).mfa_methods, [Totp]);
    assert_eq!(in_preset(Preset::Defaults).mfa_methods, [Passkey, Totp, Email]);
    assert_eq!(in_preset(Preset::Workspace).api_keys_max_active, Some(10));
    assert_eq!(in_preset(Preset::Analytics).api_keys_max_active, None);
    assert_eq!(in_preset(Preset::Callcenter).smtp_tls, SmtpTls::Opportunistic);
    assert_eq!(in_preset(Preset::Defaults).smtp_tls, SmtpTls::Required);
    for preset in Preset::ALL {
        let policy = in_preset(preset);
        assert!(policy.smtp_required_for_secrets && policy.recording_token_ttl <= 8 * HOUR);
        assert_eq!((policy.password.min_length(), policy.password.refuse_common), (8, true));
        assert_eq!(policy.mfa_required, FactorRequired::None);
        assert_eq!(policy.api_keys_brand, ApiKeyBrand::default());
    }
}

#[test]
fn c17_a30_a31_rates_are_sixty_a_minute_five_an_hour_and_a_quarter_of_an_hour() {
    for preset in Preset::ALL {
        let rate = in_preset(preset).rate;
        assert_eq!(rate.per_token, RateLimit::per_minute(60));
        assert_eq!(rate.public_form, RateLimit::per_hour(5));
        assert_eq!(rate.expensive_cooldown, Duration::from_secs(15 * 60));
    }
}

#[test]
fn values_out_of_range_are_refused_with_what_they_must_be() {
    let refused = |key: &str, value: Value| {
        let setting = Setting::from_key(key).unwrap();
        setting.kind().check(&value).unwrap_err().to_string()
    };
    let idle = "must be whole seconds, 60 to 2592000 (1m to 30d)";
    for bad in [json!(59), json!(2_592_001), json!(-1), json!(3600.5), json!("8h"), json!(null)] {
        assert_eq!(refused("session.idle_timeout", bad), idle);
    }
    let ttl = refused("recording.token_ttl", json!(8 * 3600 + 1));
    assert_eq!(
        ttl, "must be whole seconds, 60 to 28800 (1m to 8h)",
        "X14: 8 h is the hard maximum"
    );
    assert_eq!(refused("password.min_length", json!(7)), "must be a whole number, 8 to 128");
    assert_eq!(
        refused("session.absolute_max", json!(1)),
        "must be whole seconds, 3600 to 31536000 (1h to 365d), or 0 for never"
    );
    for bad in [json!([]), json!(["totp", "totp"]), json!(["sms"]), json!("totp"), json!([1])] {
        let words = "must be a list of passkey, totp, email, each once, at least one";
        assert_eq!(refused("mfa.methods", bad), words);
    }
    assert_eq!(refused("mfa.required", json!("some")), "must be one of none, admins, all");
    assert_eq!(refused("signup.enabled", json!("true")), "must be true or false");
    assert_eq!(refused("api_keys.brand", json!("DN")), "must be 2 to 8 lower-case letters a-z");
}

#[tokio::test]
async fn b1_b33_b36_a_change_counts_at_once_and_is_audited_with_old_and_new() {
    for Bench { book, workspace, store, actor, .. } in testing::benches().await {
        let workspace = workspace.id;
        assert_eq!(book.of(workspace).preset, Preset::Callcenter);
        let changed = book.subscribe();
        let new = values(&[
            ("session.idle_timeout", json!(1800)),
            ("mfa.required", json!("all")),
            ("password.min_length", json!(12)),
            ("password.reuse_last", json!(5)),
            ("password.composition", json!(["digit"])),
        ]);
        book.change(&actor, workspace, &new).await.unwrap();
        let policy = book.of(workspace);
        assert_eq!(policy.session_idle_timeout, Duration::from_secs(1800));
        assert_eq!(policy.mfa_required, FactorRequired::All);
        assert_eq!((policy.password.min_length(), policy.password.reuse_last()), (12, 5));
        assert!(policy.password.composition.digit && !policy.password.composition.sign);
        assert!(changed.has_changed().unwrap());

        let rows = testing::audited(&store, "policy.change").await;
        assert_eq!(rows.len(), 5);
        let idle = rows.iter().find(|row| row.target_id == "session.idle_timeout").unwrap();
        assert_eq!(idle.details, r#"{"new":1800,"old":28800}"#);
        assert_eq!(
            idle.actor_id.as_deref(),
            actor.user_id.map(|id| *id.as_bytes()).as_ref().map(|id| id.as_slice())
        );

        let shown = book.show(workspace).await.unwrap();
        let of = |key: &str| {
            let is_it = |item: &&SettingShown| item.setting.key() == key;
            let item = shown.items.iter().find(is_it).unwrap();
            (item.value.clone(), item.source.words(), item.otherwise.clone())
        };
        assert_eq!(of("session.idle_timeout"), (json!(1800), "set".into(), json!(28800)));
        assert_eq!(of("smtp.tls").1, "preset callcenter");
        assert_eq!(of("session.on_revoke").1, "default");
        let back = values(&[("session.idle_timeout", Value::Null)]);
        book.change(&actor, workspace, &back).await.unwrap();
        assert_eq!(book.of(workspace).session_idle_timeout, 8 * HOUR);
    }
}

#[tokio::test]
async fn one_bad_value_changes_nothing_and_another_workspace_has_its_own() {
    for bench in testing::benches().await {
        let (book, one, actor) = (&bench.book, bench.workspace.id, &bench.actor);
        for bad in [
            ("session.idle_timeout", json!(1)),
            ("session.idle", json!(3600)),
            ("preset", json!("analytics")),
            ("", json!(1)),
        ] {
            let both = values(&[("mfa.required", json!("all")), bad]);
            let refused = book.change(actor, one, &both).await.unwrap_err();
            assert!(["setting_value", "setting_unknown"].contains(&refused.code()));
        }
        assert_eq!(*book.of(one), Policy::default());
        assert!(testing::audited(&bench.store, "policy.change").await.is_empty());

        let (two, _) = bench.other_workspace("two", "2001", Level::ADMIN).await;
        let on = values(&[("mfa.required", json!("all"))]);
        book.change(actor, two.id, &on).await.unwrap();
        assert_eq!(book.of(one).mfa_required, FactorRequired::None);
        let server = values(&[("rate.per_token_per_minute", json!(6000))]);
        let refused = book.change(actor, two.id, &server).await.unwrap_err();
        assert_eq!(refused.code(), "setting_not_here", "one workspace must not set the server's");
        let shown = book.show(two.id).await.unwrap();
        assert!(shown.items.iter().all(|item| item.setting.reach() == Reach::Workspace));
        book.change(actor, one, &server).await.unwrap();
        assert_eq!(book.installation().rate.per_token, RateLimit::per_minute(6000));
    }
}

#[tokio::test]
async fn a_preset_is_applied_without_restart_and_keeps_what_it_does_not_name() {
    for bench in testing::benches().await {
        let (book, one, actor) = (&bench.book, bench.workspace.id, &bench.actor);
        let own = values(&[("session.idle_timeout", json!(60)), ("pin.required", json!(true))]);
        book.change(actor, one, &own).await.unwrap();
        book.apply_preset(actor, one, "workspace").await.unwrap();
        let policy = book.of(one);
        assert_eq!((policy.preset, policy.session_idle_timeout), (Preset::Workspace, 7 * DAY));
        assert!(policy.pin_required && policy.signup_enabled);
        book.apply_preset(actor, one, "analytics").await.unwrap();
        assert_eq!(book.of(one).mfa_methods, [FactorMethod::Totp]);
        assert!(book.of(one).pin_required);
        book.apply_preset(actor, one, "defaults").await.unwrap();
        assert_eq!(*book.of(one), in_preset(Preset::Defaults));
        let refused = book.apply_preset(actor, one, "strict").await.unwrap_err();
        assert_eq!(refused.code(), "preset_unknown");
        let rows = testing::audited(&bench.store, "policy.preset").await;
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[2].details, r#"{"new":"workspace","old":"callcenter"}"#);
    }
}

#[tokio::test]
async fn b33_a_change_by_another_process_is_heard_at_the_next_look() {
    for bench in testing::benches().await {
        let (book, one) = (&bench.book, bench.workspace.id);
        let other = bench.second_book().await;
        let new = values(&[("session.idle_timeout", json!(1800))]);
        other.change(&bench.actor, one, &new).await.unwrap();
        let changed = book.subscribe();
        assert_eq!(book.of(one).session_idle_timeout, 8 * HOUR);
        book.follow().await.unwrap();
        assert_eq!(book.of(one).session_idle_timeout, Duration::from_secs(1800));
        assert!(changed.has_changed().unwrap());
        let back = values(&[("session.idle_timeout", Value::Null)]);
        other.change(&Actor::command(), one, &back).await.unwrap();
        book.follow().await.unwrap();
        assert_eq!(*book.of(one), Policy::default());
        let reopened = bench.second_book().await;
        assert_eq!(*reopened.of(one), Policy::default());
    }
}
