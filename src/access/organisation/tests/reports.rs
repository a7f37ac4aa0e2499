//! Figures of calls, and days of time zones.

use super::*;
use crate::store::NewCall;

fn at(zone: &TimeZone, day: &str) -> u64 {
    zone.begin_of(day.parse().unwrap()).0
}

#[test]
fn c14_days_begin_where_the_system_s_files_say() {
    let berlin = TimeZone::load("Europe/Berlin").unwrap();
    assert_eq!(at(&berlin, "2023-11-14"), 1_699_916_400);
    assert_eq!(at(&berlin, "2024-04-01") - at(&berlin, "2024-03-31"), 23 * 3600);
    assert_eq!(at(&berlin, "2024-10-28") - at(&berlin, "2024-10-27"), 25 * 3600);
    assert_eq!(at(&berlin, "2060-07-02") - at(&berlin, "2060-07-01"), 24 * 3600);
    assert_eq!(berlin.offset_at(UnixTime(at(&berlin, "2060-07-01"))), 7200, "by the rule");
    assert_eq!(berlin.offset_at(UnixTime(at(&berlin, "2060-01-01"))), 3600);
    let kathmandu = TimeZone::load("Asia/Kathmandu").unwrap();
    assert_eq!(kathmandu.offset_at(UnixTime(1_700_000_000)), 20_700);
    // On that island the 30th of December 2011 never was.
    let apia = TimeZone::load("Pacific/Apia").unwrap();
    assert_eq!(at(&apia, "2011-12-30"), at(&apia, "2011-12-31"));
    // Midnight of that day was skipped in Beirut.
    let beirut = TimeZone::load("Asia/Beirut").unwrap();
    let first = beirut.begin_of("2022-03-27".parse().unwrap());
    assert_eq!(beirut.day_of(first).to_string(), "2022-03-27");
    assert_eq!(beirut.day_of(UnixTime(first.0 - 1)).to_string(), "2022-03-26");
    assert_eq!(at(&TimeZone::utc(), "1970-01-02"), 86_400);
}

#[test]
fn c14_every_zone_of_the_system_is_read_and_its_days_are_a_day_long() {
    let table = std::fs::read_to_string("/usr/share/zoneinfo/tzdata.zi").unwrap();
    let names = table.lines().filter_map(|line| {
        let mut words = line.split(' ');
        match words.next()? {
            "Z" => words.next(),
            "L" => words.nth(1),
            _ => None,
        }
    });
    let mut count = 0;
    for name in names.filter(|name| name.contains('/')) {
        let zone = TimeZone::load(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        for day in 20_000..20_400 {
            let (begin, end) = (zone.begin_of(Day(day)), zone.begin_of(Day(day + 1)));
            assert!((22 * 3600..=26 * 3600).contains(&(end.0 - begin.0)), "{name} {day}");
            assert_eq!(zone.day_of(begin), Day(day), "{name}");
        }
        count += 1;
    }
    assert!(count > 300, "{count}");
}

#[test]
fn what_names_no_zone_is_refused_and_leads_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Broken"), b"TZif2").unwrap();
    std::fs::write(folder.path().join("Text"), b"not a zone").unwrap();
    for bad in [
        "",
        "Mars/Phobos",
        "../../etc/passwd",
        "/etc/passwd",
        "Europe",
        "europe/berlin",
        "Europe/../Europe/Berlin",
        "Europe//Berlin",
        "right/UTC",
        "posix/UTC",
        "tzdata.zi",
        "Etc\0",
    ] {
        assert_eq!(TimeZone::load(bad), Err(TimeZoneError::Unknown), "{bad}");
    }
    for bad in ["Broken", "Text"] {
        assert_eq!(TimeZone::load_from(folder.path(), bad), Err(TimeZoneError::Damaged));
    }
    assert_eq!(TimeZone::load_from(folder.path(), "UTC"), Ok(TimeZone::utc()));
}

#[test]
fn a_damaged_file_never_panics() {
    let whole = std::fs::read("/usr/share/zoneinfo/Europe/Berlin").unwrap();
    let folder = tempfile::tempdir().unwrap();
    for cut in (0..whole.len()).step_by(7) {
        let mut broken = whole.clone();
        broken[cut] ^= 0xff;
        std::fs::write(folder.path().join("Cut"), &whole[..cut]).unwrap();
        std::fs::write(folder.path().join("Bent"), &broken).unwrap();
        for name in ["Cut", "Bent"] {
            let zone = TimeZone::load_from(folder.path(), name);
            let _ = zone.map(|zone| zone.begin_of(Day(20_000)));
        }
    }
}

#[tokio::test]
async fn calls_are_counted_on_the_day_they_began_of_the_person_s_time_zone() {
    for office in offices().await {
        let (owner, store) = (office.owner().await, &office.bench.store);
        let (two, _) = office.bench.other_workspace("two", "2001", Level::ADMIN).await;
        let call = async |workspace, started_at: u64, talked: Option<u64>| {
            let call = NewCall {
                workspace_id: workspace,
                user_id: None,
                number_id: None,
                direction: "in",
                caller: "+491".into(),
                callee: "1001".into(),
                started_at: UnixTime(started_at),
                answered_at: talked.map(|_| UnixTime(started_at + 5)),
                ended_at: UnixTime(started_at + 5 + talked.unwrap_or(0)),
                cause: "ended",
            };
            store.calls().insert(&call).await.unwrap();
        };
        // 22:59:59 and 23:00:00 UTC: before and after midnight of Berlin.
        let midnight = 1_700_002_800;
        call(office.home(), midnight - 1, Some(60)).await;
        call(office.home(), midnight, Some(100)).await;
        call(office.home(), midnight + 3600, None).await;
        call(two.id, midnight, Some(1)).await;
        let figures = async |zone: &str, from: &str, to: &str| -> Vec<_> {
            store.users().set_shown(owner.user_id, "O", zone, UnixTime(1)).await.unwrap();
            let days = office.org.reports().days(&owner, Some(from), Some(to)).await.unwrap();
            days.iter().map(|d| (d.day.to_string(), d.calls, d.answered, d.seconds)).collect()
        };
        let day = |day: &str, calls, answered, seconds| (day.to_owned(), calls, answered, seconds);
        assert_eq!(
            figures("Europe/Berlin", "2023-11-14", "2023-11-16").await,
            [day("2023-11-14", 1, 1, 60), day("2023-11-15", 2, 1, 100), day("2023-11-16", 0, 0, 0),]
        );
        assert_eq!(
            figures("UTC", "2023-11-14", "2023-11-15").await,
            [day("2023-11-14", 2, 2, 160), day("2023-11-15", 1, 0, 0),]
        );
        assert_eq!(
            figures("Asia/Kathmandu", "2023-11-15", "2023-11-15").await,
            [day("2023-11-15", 3, 2, 160),]
        );
    }
}

#[tokio::test]
async fn odd_and_long_ranges_are_refused() {
    for office in offices().await {
        let owner = office.owner().await;
        let days =
            async |from, to| code(office.org.reports().days(&owner, Some(from), Some(to)).await);
        assert_eq!(days("2023-11-14", "2023-11-13").await, "invalid");
        assert_eq!(days("2023-02-30", "2023-11-13").await, "invalid");
        assert_eq!(days("yesterday", "2023-11-13").await, "invalid");
        assert_eq!(days("2022-11-14", "2023-11-14").await, "ok");
        assert_eq!(days("2022-11-13", "2023-11-14").await, "invalid");
        assert_eq!(days("2023-11-13", "9999-12-31").await, "invalid");
    }
}
