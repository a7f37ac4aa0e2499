//! `ringfence user` and `ringfence token`.

use std::io::Write;

use serde::Serialize;

use super::args::{TokenCommand, UserCommand};
use super::failure::{Exit, Failure};
use super::output;
use super::place::{self, Missing};
use super::secret_source;
use crate::access::{Level, NewPerson};
use crate::store::UserRow;

#[derive(Serialize)]
struct Person {
    id: String,
    name: String,
    display_name: String,
    email: Option<String>,
    number: String,
    level: u8,
    tier: &'static str,
    has_password: bool,
    disabled: bool,
}

impl From<UserRow> for Person {
    fn from(user: UserRow) -> Self {
        Self {
            id: user.id.to_string(),
            name: user.name,
            display_name: user.display_name,
            email: user.email,
            number: user.number,
            level: user.level.get(),
            tier: user.level.tier(),
            has_password: user.password_hash.is_some(),
            disabled: user.disabled,
        }
    }
}

pub(super) async fn user(
    command: UserCommand,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    match command {
        UserCommand::Add { name, number, level, display_name, email, password, place, json } => {
            let password = secret_source::password(&password, &name, err)?;
            let data = place::open(&place, Missing::Make).await?;
            let level = Level::new(level).unwrap_or(Level::AGENT);
            let person = NewPerson { name, display_name, email, number, level, password };
            let added = data.access.add_person(&person).await?;
            if json {
                return output::json(out, &Person::from(added));
            }
            let (name, number, level) = (&added.name, &added.number, added.level);
            writeln!(out, "added {name}, number {number}, level {level} ({})", level.tier())?;
        }
        UserCommand::List { place, json } => {
            let data = place::open(&place, Missing::Refuse).await?;
            let people: Vec<Person> =
                data.store.users().list().await?.into_iter().map(Person::from).collect();
            if json {
                return output::json(out, &people);
            }
            let headers = ["number", "name", "display name", "level", "sign-in"];
            let rows = people.into_iter().map(row).collect();
            output::table(out, &headers, rows)?;
        }
        UserCommand::Passwd { name, password, place, json } => {
            let data = place::open(&place, Missing::Refuse).await?;
            let Some(password) = secret_source::password(&password, &name, err)? else {
                let words = "a person's password cannot be taken away, only changed";
                return Err(Failure::words(Exit::Usage, words));
            };
            let ended = data.access.set_password(&name, &password).await?;
            if json {
                return output::json(
                    out,
                    &serde_json::json!({"name": name, "sessions_ended": ended}),
                );
            }
            writeln!(out, "changed the password of {name}; {ended} sessions ended")?;
        }
    }
    Ok(())
}

fn row(person: Person) -> Vec<String> {
    let sign_in = match (person.disabled, person.has_password) {
        (true, _) => "disabled",
        (false, true) => "password",
        (false, false) => "link only",
    };
    let level = format!("{} {}", person.level, person.tier);
    vec![person.number, person.name, person.display_name, level, sign_in.into()]
}

pub(super) async fn token(
    command: TokenCommand,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let TokenCommand::Mint { user: name, level, place, json } = command;
    let data = place::open(&place, Missing::Refuse).await?;
    let users = data.store.users();
    let user = match users.by_sign_in(&name.to_lowercase()).await? {
        Some(user) => Some(user),
        None => users.by_number(&name).await?,
    };
    let user = user.filter(|user| !user.disabled).ok_or_else(|| {
        Failure::words(Exit::Failed, format!("there is nobody called `{name}` who may sign in"))
    })?;
    let level_max = level.map_or(Level::ADMIN, |level| Level::new(level).unwrap_or(Level::NONE));
    if level.is_some_and(|level| level > user.level.get()) {
        writeln!(err, "note: {} has level {}, and so has the token", user.name, user.level)?;
    }
    let minted = data.access.mint_for(&user, level_max).await?;
    let token = minted.token.expose();
    if json {
        let level = user.level.min(level_max).get();
        let value = serde_json::json!({
            "user": user.name, "level": level, "token": token, "expires_in": minted.expires_in,
        });
        return output::json(out, &value);
    }
    writeln!(out, "{token}")?;
    Ok(())
}
