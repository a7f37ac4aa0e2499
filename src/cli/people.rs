//! `ringfence user` and `ringfence token`.

use std::io::Write;

use serde_json::{Value, json};

use super::args::{OneUser, TokenCommand, UserAdd, UserCommand, UserSet};
use super::failure::{Exit, Failure};
use super::letters::tell_unsent;
use super::output;
use super::place::{self, Data, Missing, actor_in};
use super::secret_source;
use crate::access::Level;
use crate::access::audit::Action;
use crate::access::organisation::{Author, NewPerson, PersonChange, PersonShown};
use crate::base::UnixTime;
use crate::store::{Member, WorkspaceRow};

pub(super) async fn user(
    command: UserCommand,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    match command {
        UserCommand::Add(command) => add(*command, out, err).await,
        UserCommand::List { within } => {
            let data = place::open(&within.common.place, Missing::Refuse).await?;
            let workspace = data.workspace(within.workspace.as_deref(), Missing::Refuse).await?;
            let people = data.access.organisation().people().list(workspace.id).await?;
            if within.common.json {
                return output::json(out, &people.iter().map(shown).collect::<Vec<_>>());
            }
            table(people, out)
        }
        UserCommand::Show(who) => {
            let found = find(&who).await?;
            let people = found.data.access.organisation().people();
            let person = people.show(found.workspace.id, found.member.user.id).await?;
            if who.within.common.json {
                return output::json(out, &shown(&person));
            }
            details(&person, out)
        }
        UserCommand::Passwd { who, password } => {
            let Some(password) = secret_source::password(&password, &who.name, err)? else {
                let words = "a person's password cannot be taken away, only changed";
                return Err(Failure::words(Exit::Usage, words));
            };
            let Found { data, workspace, member } = find(&who).await?;
            let (actor, user) = (actor_in(&workspace), &member.user);
            let ended = data.access.account().set_password(&actor, user.id, &password).await?;
            tell_unsent(&data, err)?;
            let (name, json) = (&user.name, who.within.common.json);
            if json {
                return output::json(out, &json!({"name": name, "sessions_ended": ended}));
            }
            writeln!(out, "changed the password of {name}; {ended} sessions ended")?;
            Ok(())
        }
        UserCommand::Set(command) => set(*command, out, err).await,
        UserCommand::Disable(who) => set_disabled(&who, true, out, err).await,
        UserCommand::Enable(who) => set_disabled(&who, false, out, err).await,
        UserCommand::Remove(who) => {
            let Found { data, workspace, member } = find(&who).await?;
            let people = data.access.organisation().people();
            people.remove(&Author::command(), workspace.id, member.user.id).await?;
            let name = &member.user.name;
            if who.within.common.json {
                return output::json(out, &json!({"removed": name}));
            }
            writeln!(out, "removed {name} from workspace {}", workspace.name)?;
            Ok(())
        }
        UserCommand::ResetSecondFactor(who) => reset_second_factor(&who, out, err).await,
        UserCommand::ResetLink(who) => reset_link(&who, out).await,
    }
}

async fn add(command: UserAdd, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Failure> {
    let UserAdd { name, number, level, role, display_name, email, password, within } = command;
    let password = secret_source::password(&password, &name, err)?;
    let data = place::open(&within.common.place, Missing::Make).await?;
    let workspace = data.workspace(within.workspace.as_deref(), Missing::Make).await?;
    let role = role.map(Into::into);
    let new = NewPerson { name, display_name, email, role, level, number, password };
    let people = data.access.organisation().people();
    let Member { user, membership } = people.add(&Author::command(), workspace.id, &new).await?;
    tell_unsent(&data, err)?;
    if within.common.json {
        return output::json(out, &shown(&people.show(workspace.id, user.id).await?));
    }
    let (name, number, level) = (&user.name, &membership.number, membership.level);
    writeln!(out, "added {name}, number {number}, level {level} ({})", level.tier())?;
    if user.password_hash.is_none() {
        writeln!(
            out,
            "without a password; a link that sets one: ringfence user reset-link {name}"
        )?;
    }
    Ok(())
}

async fn set(command: UserSet, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Failure> {
    let UserSet { who, level, role, number, display_name, email } = command;
    let wanted = PersonChange {
        display_name,
        // An empty one takes it away.
        email: email.map(|email| Some(email).filter(|email| !email.is_empty())),
        role: role.map(Into::into),
        level,
        number,
        disabled: None,
    };
    change(&who, &wanted, "changed", out, err).await
}

async fn set_disabled(
    who: &OneUser,
    disabled: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let wanted = PersonChange { disabled: Some(disabled), ..PersonChange::default() };
    change(who, &wanted, if disabled { "disabled" } else { "enabled" }, out, err).await
}

async fn change(
    who: &OneUser,
    wanted: &PersonChange,
    done: &str,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let Found { data, workspace, member } = find(who).await?;
    let people = data.access.organisation().people();
    let user = member.user.id;
    let Member { user, membership } =
        people.change(&Author::command(), workspace.id, user, wanted).await?;
    tell_unsent(&data, err)?;
    if who.within.common.json {
        return output::json(out, &shown(&people.show(workspace.id, user.id).await?));
    }
    let (name, role, level) = (&user.name, membership.role, membership.level);
    writeln!(out, "{done} {name}: number {}, {role}, level {level}", membership.number)?;
    Ok(())
}

async fn reset_second_factor(
    who: &OneUser,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let Found { data, workspace, member } = find(who).await?;
    let user = &member.user;
    data.access.second_factor().reset(&actor_in(&workspace), user.id).await?;
    tell_unsent(&data, err)?;
    let name = &user.name;
    if who.within.common.json {
        return output::json(out, &json!({"reset": name}));
    }
    writeln!(
        out,
        "took the second factor of {name} away; where one is demanded, they set it up at sign-in"
    )?;
    Ok(())
}

async fn reset_link(who: &OneUser, out: &mut dyn Write) -> Result<(), Failure> {
    let Found { data, workspace, member } = find(who).await?;
    let user = &member.user;
    let key = data.access.account().reset_link(&actor_in(&workspace), user.id).await?;
    let link = data.link("reset", &key);
    if who.within.common.json {
        return output::json(out, &json!({"user": user.name, "link": link}));
    }
    writeln!(out, "{link}")?;
    Ok(())
}

/// A person and where they are.
struct Found {
    data: Data,
    workspace: WorkspaceRow,
    member: Member,
}

async fn find(who: &OneUser) -> Result<Found, Failure> {
    let data = place::open(&who.within.common.place, Missing::Refuse).await?;
    let workspace = data.workspace(who.within.workspace.as_deref(), Missing::Refuse).await?;
    let member = data.member(&workspace, &who.name).await?;
    Ok(Found { data, workspace, member })
}

/// A person as JSON, the same members as in the API.
fn shown(person: &PersonShown) -> Value {
    let Member { user, membership } = &person.member;
    json!({
        "id": user.id.to_string(),
        "name": user.name,
        "display_name": user.display_name,
        "email": user.email,
        "email_verified": user.email_verified_at.is_some(),
        "number": membership.number,
        "role": membership.role.as_str(),
        "level": membership.level.get(),
        "tier": membership.level.tier(),
        "has_password": user.password_hash.is_some(),
        "disabled": user.disabled,
        "second_factor": person.second_factor,
        "created_at": membership.created_at.rfc3339(),
        "last_seen_at": person.last_seen_at.map(UnixTime::rfc3339),
    })
}

fn table(people: Vec<PersonShown>, out: &mut dyn Write) -> Result<(), Failure> {
    let row = |person: PersonShown| {
        let sign_in = sign_in(&person).to_owned();
        let Member { user, membership } = person.member;
        let level = format!("{} {}", membership.level, membership.level.tier());
        let role = membership.role.to_string();
        let factor = person.second_factor.to_owned();
        vec![membership.number, user.name, user.display_name, level, role, sign_in, factor]
    };
    let headers = ["number", "name", "display name", "level", "role", "sign-in", "second factor"];
    output::table(out, &headers, people.into_iter().map(row).collect())?;
    Ok(())
}

fn details(person: &PersonShown, out: &mut dyn Write) -> Result<(), Failure> {
    let Member { user, membership } = &person.member;
    let email = match (&user.email, user.email_verified_at) {
        (None, _) => "none".to_owned(),
        (Some(email), Some(_)) => format!("{email}, verified"),
        (Some(email), None) => format!("{email}, not verified"),
    };
    let seen = person.last_seen_at.map_or_else(|| "never".to_owned(), UnixTime::rfc3339);
    for (label, text) in [
        ("name", user.name.clone()),
        ("display name", user.display_name.clone()),
        ("id", user.id.to_string()),
        ("number", membership.number.clone()),
        ("level", format!("{} {}", membership.level, membership.level.tier())),
        ("role", membership.role.to_string()),
        ("mail", email),
        ("sign-in", sign_in(person).to_owned()),
        ("second factor", person.second_factor.to_owned()),
        ("added", membership.created_at.rfc3339()),
        ("last seen", seen),
    ] {
        writeln!(out, "{label:<15}{text}")?;
    }
    Ok(())
}

fn sign_in(person: &PersonShown) -> &'static str {
    let user = &person.member.user;
    match (user.disabled, user.password_hash.is_some()) {
        (true, _) => "disabled",
        (false, true) => "password",
        (false, false) => "link only",
    }
}

pub(super) async fn token(
    command: TokenCommand,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let TokenCommand::Mint { user: name, level, within } = command;
    let data = place::open(&within.common.place, Missing::Refuse).await?;
    let workspace = data.workspace(within.workspace.as_deref(), Missing::Refuse).await?;
    let member = data.member(&workspace, &name).await?;
    let Member { user, membership } = &member;
    if user.disabled || workspace.disabled {
        let words = format!("{} may not sign in: disabled", user.name);
        return Err(Failure::words(Exit::Failed, words));
    }
    let level_max = level.map_or(Level::ADMIN, |level| Level::new(level).unwrap_or(Level::NONE));
    if level.is_some_and(|level| level > membership.level.get()) {
        writeln!(err, "note: {} has level {}, and so has the token", user.name, membership.level)?;
    }
    let level = membership.level.min(level_max).get();
    let minting = data
        .entry(Action::TokenMint)
        .of_workspace(workspace.id)
        .on("user", user.id)
        .with("level", level);
    let mut change = data.store.begin().await?;
    data.record(&mut change, minting).await?;
    change.commit().await?;
    let minted = data.access.mint_for(&member, level_max).await?;
    let token = minted.token.expose();
    if within.common.json {
        let value = json!({
            "user": user.name, "level": level, "token": token, "expires_in": minted.expires_in,
        });
        return output::json(out, &value);
    }
    writeln!(out, "{token}")?;
    Ok(())
}
