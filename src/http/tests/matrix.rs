//! Who passes the gate of which route: every row of the table × everybody there can be, against
//! the table's own words and against a file that people read.

use super::*;
use crate::access::Actor;
use crate::access::api_key::Scope;
use crate::access::policy::{Endpoint, Need, RateClass, Rights, Rule};

/// Somebody who sends requests.
struct Somebody {
    /// The column's title.
    title: String,
    /// What they send.
    header: Option<(&'static str, String)>,
    rights: Option<Rights>,
    how: How,
}

#[derive(Clone, PartialEq)]
enum How {
    Cookie,
    Enrolling,
    Token,
    Key(Vec<Scope>),
}

/// What a gate says: `.` lets through, `-` asks who it is, `x` refuses, `e` wants a second factor
/// set up first.
fn sign(answer: &Answer) -> char {
    match (answer.status, answer.code()) {
        (401, "not_signed_in") => '-',
        (403, "level_too_low" | "session_required" | "scope_missing") => 'x',
        (403, "mfa_enrolment_required") => 'e',
        _ => '.',
    }
}

/// What the table says.
fn expected(rule: &Rule, who: &Somebody) -> char {
    let Some(rights) = who.rights else {
        return if rule.need == Need::Anyone { '.' } else { '-' };
    };
    let may = |permission| if rights.allow(permission) { '.' } else { 'x' };
    match (rule.need, &who.how) {
        (Need::Anyone, _) => '.',
        (Need::Leaving, How::Cookie | How::Enrolling) => '.',
        (Need::Leaving, How::Token | How::Key(_)) => 'x',
        (Need::Enrolling, How::Enrolling) => '.',
        (Need::Enrolling, How::Key(_)) => 'x',
        (Need::Enrolling, How::Cookie | How::Token) => {
            may(crate::access::policy::Permission::OwnAccount)
        }
        (Need::Cookie(_), How::Token | How::Key(_)) => 'x',
        (Need::Cookie(_) | Need::Signed(_), How::Enrolling) => 'e',
        (Need::Cookie(permission), How::Cookie) => may(permission),
        (Need::Signed(permission), How::Cookie | How::Token) => may(permission),
        (Need::Signed(permission), How::Key(scopes)) => match rule.scope {
            Some(scope) if scopes.contains(&scope) => may(permission),
            Some(_) | None => 'x',
        },
    }
}

async fn everybody(edge: &Edge) -> Vec<Somebody> {
    let home = edge.home();
    let settings = edge.services.access.settings();
    settings.apply_preset(&Actor::system(), home, "defaults").await.unwrap();
    let mut all =
        vec![Somebody { title: "nobody".into(), header: None, rights: None, how: How::Cookie }];
    let rights = |level: u8, role, at_home| {
        Some(Rights { level: Level::new(level).unwrap(), role, at_home })
    };
    for level in 1..=9 {
        let member = edge.add(home, &format!("30{level}"), Role::Member, level).await;
        let cookie = edge.sign_in_by_link(member.user.id).await;
        let title = format!("level {level}");
        all.push(by_cookie(title, cookie, rights(level, Role::Member, true)));
    }
    for (role, number) in [(Role::Admin, "311"), (Role::Owner, "312")] {
        let member = edge.add(home, number, role, 1).await;
        let cookie = edge.sign_in_by_link(member.user.id).await;
        let title = format!("{}, level 1", role.as_str());
        all.push(by_cookie(title, cookie, rights(1, role, true)));
    }
    let owner = edge.add(home, "313", Role::Owner, 9).await;
    let cookie = edge.sign_in_by_link(owner.user.id).await;
    let token = edge.post("/api/v1/token", &[("cookie", &cookie)], &json!({})).await;
    let bearer = format!("Bearer {}", token.body["token"].as_str().unwrap());
    let full = rights(9, Role::Owner, true);
    for (title, scopes) in
        [("key users:read", vec![Scope::UsersRead]), ("key, every scope", Scope::ALL.to_vec())]
    {
        let words: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        let body = json!({"name": title, "scopes": words, "user": "p313", "password": PASSWORD});
        let made = edge.post("/api/v1/me/api-keys", &[("cookie", &cookie)], &body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let header =
            Some(("authorization", format!("Bearer {}", made.body["key"].as_str().unwrap())));
        all.push(Somebody { title: title.into(), header, rights: full, how: How::Key(scopes) });
    }
    all.push(by_cookie("owner, level 9".into(), cookie, full));
    let header = Some(("authorization", bearer));
    all.push(Somebody { title: "token of the same".into(), header, rights: full, how: How::Token });
    let (other, _) = {
        let workspaces = edge.services.access.organisation().workspaces();
        workspaces.create(&Author::system(), "other", &person("401", Role::Owner, 9)).await.unwrap()
    };
    let elsewhere = edge.add(other.id, "402", Role::Owner, 9).await;
    let cookie = edge.sign_in_by_link(elsewhere.user.id).await;
    let title = "owner, level 9, elsewhere".into();
    all.push(by_cookie(title, cookie, rights(9, Role::Owner, false)));
    edge.add(other.id, "403", Role::Owner, 9).await;
    let values = [("mfa.required".to_string(), json!("all"))].into();
    settings.change(&Actor::system(), other.id, &values).await.unwrap();
    let login = json!({"user": "p403", "password": PASSWORD});
    let enrolling = edge.post("/api/v1/login", &[], &login).await;
    assert_eq!(enrolling.body["enrolling"], true, "{}", enrolling.body);
    all.push(Somebody {
        title: "enrolling".into(),
        header: Some(("cookie", enrolling.cookie())),
        rights: rights(9, Role::Owner, false),
        how: How::Enrolling,
    });
    all
}

fn by_cookie(title: String, cookie: String, rights: Option<Rights>) -> Somebody {
    Somebody { title, header: Some(("cookie", cookie)), rights, how: How::Cookie }
}

/// Asks a route with a body that no route takes, so that nothing happens behind the gate.
async fn ask(edge: &Edge, endpoint: Endpoint, who: &Somebody, count: usize) -> Answer {
    let rule = endpoint.rule();
    let id = crate::access::UserId::random().to_string();
    let path = rule.path.replace("{id}", &id).replace("{user}", &id);
    let path = path.replace("{provider}", "nothing").replace("{page}", "nothing");
    let mut headers = vec![("content-type", "application/json"), ("origin", ORIGIN)];
    if let Some((name, value)) = &who.header {
        headers.push((name, value));
    }
    let body = match rule.verb.as_str() {
        "GET" | "DELETE" => String::new(),
        _ => r#"{"no such member":[]}"#.to_string(),
    };
    // Guesses are counted by address.
    let from = match rule.rate {
        RateClass::Auth | RateClass::PublicForm => {
            at(&format!("10.{}.{}.1", count / 250 + 1, count % 250))
        }
        RateClass::General | RateClass::Expensive | RateClass::Static => remote(),
    };
    let request = request(rule.verb.as_str(), &path, &headers, body);
    edge.send_from(from, ListenerKind::Plain, request).await
}

#[tokio::test]
async fn b30_sec_a18_sec_a23_every_route_lets_through_whom_the_table_names_and_nobody_else() {
    let edge = Edge::new().await;
    let everybody = everybody(&edge).await;
    let mut file = String::from(
        "# Who passes the gate of which route: . yes, - sign in first, x no, e set up a second factor first.\n\
         # Written by `UPDATE_GOLDEN=1 cargo test route_lets_through`.\n#\n",
    );
    for (column, who) in everybody.iter().enumerate() {
        file.push_str(&format!("# column {:>2}: {}\n", column + 1, who.title));
    }
    let mut wrong = Vec::new();
    let mut count = 0;
    for endpoint in Endpoint::ALL {
        let rule = endpoint.rule();
        let mut row = format!("{:<6} {:<52} ", rule.verb.as_str(), rule.path);
        for who in &everybody {
            count += 1;
            let answer = ask(&edge, *endpoint, who, count).await;
            let (found, due) = (sign(&answer), expected(&rule, who));
            if found != due || answer.status == 429 || answer.status >= 500 {
                let name = endpoint.name();
                wrong.push(format!(
                    "{name} for {}: {found} not {due}: {} {}",
                    who.title, answer.status, answer.text
                ));
            }
            row.push(found);
        }
        file.push_str(row.trim_end());
        file.push('\n');
        // Keys may ask sixty times a minute; tokens live for ten.
        if count % 400 < everybody.len() {
            edge.clock.advance(Duration::from_secs(61));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/route-matrix.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).unwrap();
        std::fs::write(golden, &file).unwrap();
    }
    let known = std::fs::read_to_string(golden).unwrap_or_default();
    assert_eq!(file, known, "rights changed: read the difference, then UPDATE_GOLDEN=1");
}
