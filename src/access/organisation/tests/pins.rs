//! The PIN.

use serde_json::json;

use super::*;

const DAY: u64 = 24 * 3600;

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

impl Office {
    async fn days(&self, who: &Principal, from: Option<&str>) -> &'static str {
        code(self.org.reports().days(who, from, None).await)
    }

    async fn set_pin(&self, who: &Principal, pin: &str) {
        self.org.pins().set(who, None, &secret(pin), &secret("right")).await.unwrap();
    }
}

#[tokio::test]
async fn c14_previous_days_need_the_pin_and_stay_open_for_a_quarter_of_an_hour() {
    for office in offices().await {
        let owner = office.owner().await;
        assert_eq!(office.days(&owner, Some("2023-11-13")).await, "ok", "no PIN, no question");
        let pins = office.org.pins();
        let wrong = pins.set(&owner, None, &secret("25802580"), &secret("wrong")).await;
        assert_eq!(code(wrong), "reauth_required");
        let simple = pins.set(&owner, None, &secret("1111"), &secret("right")).await;
        assert_eq!(code(simple), "pin_too_simple");
        office.set_pin(&owner, "25802580").await;
        let kept = office.bench.store.users().by_id(owner.user_id).await.unwrap().unwrap();
        assert!(!kept.pin_hash.unwrap().contains("25802580"));
        assert_eq!(office.days(&owner, None).await, "ok", "today");
        assert_eq!(office.days(&owner, Some("2023-11-14")).await, "ok", "today");
        assert_eq!(office.days(&owner, Some("2023-11-13")).await, "pin_required");
        assert_eq!(code(pins.unlock(&owner, None, &secret("25812581")).await), "pin_wrong");
        let until = pins.unlock(&owner, None, &secret("25802580")).await.unwrap();
        assert_eq!(until, office.bench.clock.unix().plus(Duration::from_secs(900)));
        assert_eq!(office.days(&owner, Some("2023-11-13")).await, "ok");
        let elsewhere = office.owner().await;
        assert_eq!(
            office.days(&elsewhere, Some("2023-11-13")).await,
            "pin_required",
            "another session of the same person"
        );
        office.wait(899);
        assert_eq!(pins.status(&owner).await.unwrap().unlocked_until, Some(until));
        assert_eq!(office.days(&owner, Some("2023-11-13")).await, "ok");
        office.wait(1);
        assert_eq!(office.days(&owner, Some("2023-11-13")).await, "pin_required");
        pins.remove(&owner, None, &secret("right")).await.unwrap();
        assert_eq!(office.days(&owner, Some("2023-11-13")).await, "ok");
        assert_eq!(code(pins.unlock(&owner, None, &secret("25802580")).await), "pin_not_set");
        assert_eq!((office.count("pin.change").await, office.count("report.open").await), (2, 1));
    }
}

#[tokio::test]
async fn c14_five_wrong_pins_lock_all_sessions_also_when_entered_at_once() {
    for office in offices().await {
        let (one, two) = (office.owner().await, office.owner().await);
        office.set_pin(&one, "2580").await;
        let pins = office.org.pins();
        let wrong = secret("2581");
        let tries =
            (0..20).map(|n| pins.unlock(if n % 2 == 0 { &one } else { &two }, None, &wrong));
        let codes: Vec<_> =
            futures_util::future::join_all(tries).await.into_iter().map(code).collect();
        assert_eq!(codes.iter().filter(|code| **code == "pin_wrong").count(), 4, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == "pin_locked").count(), 16);
        assert_eq!(code(pins.unlock(&two, None, &secret("2580")).await), "pin_locked");
        assert!(pins.status(&one).await.unwrap().locked_until.is_some());
        assert_eq!(office.days(&one, Some("2023-11-13")).await, "pin_locked");
        office.wait(900);
        pins.unlock(&two, None, &secret("2580")).await.unwrap();
    }
}

#[tokio::test]
async fn c14_x17_a_workspace_asks_everybody_and_keys_and_exports_obey_too() {
    for office in offices().await {
        let owner = office.owner().await;
        office.set("pin.required", json!(true)).await;
        assert!(office.org.pins().status(&owner).await.unwrap().is_required);
        assert_eq!(office.days(&owner, Some("2023-11-13")).await, "pin_required");
        assert_eq!(office.days(&owner, None).await, "ok");
        office.set_pin(&owner, "2580").await;
        office.org.pins().unlock(&owner, None, &secret("2580")).await.unwrap();
        assert_eq!(office.days(&owner, Some("2023-11-13")).await, "ok");
        let key = Principal {
            session_id: SessionId::random(),
            proof: Proof::ApiKey(Arc::new([])),
            ..owner.clone()
        };
        assert_eq!(office.days(&key, Some("2023-11-13")).await, "pin_required");
        assert_eq!(code(office.org.pins().unlock(&key, None, &secret("2580")).await), "forbidden");
        assert_eq!(office.days(&key, None).await, "ok");
    }
}

#[tokio::test]
async fn c14_yesterday_begins_at_midnight_of_the_person_s_time_zone() {
    for office in offices().await {
        let owner = office.owner().await;
        office.set_pin(&owner, "2580").await;
        let zone = async |name: &str| {
            let mut users = office.bench.store.users();
            users.set_shown(owner.user_id, "Owner", name, UnixTime(1)).await.unwrap();
        };
        // 22:13 UTC on the 14th is the 15th in Tokyo and still the 14th in New York.
        zone("Asia/Tokyo").await;
        assert_eq!(office.days(&owner, Some("2023-11-15")).await, "ok");
        assert_eq!(office.days(&owner, Some("2023-11-14")).await, "pin_required");
        zone("America/New_York").await;
        assert_eq!(office.days(&owner, Some("2023-11-14")).await, "ok");
        assert_eq!(office.days(&owner, Some("2023-11-13")).await, "pin_required");
        zone("Nowhere/Land").await;
        assert_eq!(office.days(&owner, Some("2023-11-14")).await, "ok", "UTC when unknown");
        office.wait(2 * 3600);
        assert_eq!(office.days(&owner, Some("2023-11-14")).await, "pin_required");
        office.wait(DAY);
        assert_eq!(office.days(&owner, Some("2023-11-15")).await, "pin_required");
    }
}
