//! The front desk: everything the edges ask about who is who.

use std::num::NonZero;
use std::thread::available_parallelism;

use super::password::{PasswordError, Passwords};
use super::principal::{Level, Principal, SessionId, UserId};
use super::revocation::Revocations;
use super::session::{Client, SessionBook, SessionError, SignedIn};
use super::start_link::StartLinks;
use super::ticket::Tickets;
use super::token::{Minted, TokenError, Tokens};
use crate::base::{Clock, Secret};
use crate::store::{Ending, NewUser, Store, StoreError, UserRow};
use crate::telemetry::metric;
use crate::vault::Vault;

/// Who may come in.
pub struct Access {
    store: Store,
    clock: Clock,
    passwords: Passwords,
    sessions: SessionBook,
    revocations: Revocations,
    tokens: Tokens,
    tickets: Tickets,
    start_links: StartLinks,
}

/// Why somebody was not let in.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Name and password do not match anybody who may sign in.
    #[error("name or password is wrong")]
    Refused,
    /// The link was used, is too old, or never was.
    #[error("this link has been used or is too old")]
    LinkDead,
    /// Too many sign-ins at once.
    #[error("too many sign-ins at once; try again in a moment")]
    Busy,
    /// The session failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The token failed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A person to add.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Sign-in name.
    pub name: String,
    /// What others see; the name when `None`.
    pub display_name: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Their number.
    pub number: String,
    /// What they may do.
    pub level: Level,
    /// `None` cannot sign in with a password.
    pub password: Option<Secret>,
}

/// Why a person was not added or changed.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// Not 1–64 of the allowed characters.
    #[error("a name is 1 to 64 lower-case letters, digits, `.`, `-` and `_`")]
    Name,
    /// Not 1–64 printable characters.
    #[error("a display name is 1 to 64 printable characters")]
    DisplayName,
    /// Not one `@` with something on both sides.
    #[error("this is not a mail address")]
    Email,
    /// Not 1–16 digits.
    #[error("a number is 1 to 16 digits")]
    Number,
    /// There is nobody of this name.
    #[error("there is nobody called `{0}`")]
    Nobody(String),
    /// The password is not allowed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The name, address or number is taken, or the database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A ready-made person of development mode.
#[derive(Clone, Debug)]
pub struct DevAgent {
    /// Their row.
    pub user: UserRow,
    /// A token, good for ten minutes.
    pub token: Secret,
}

/// Names, numbers and levels of development mode's people.
const DEV_AGENTS: [(&str, &str, u8); 5] = [
    ("1001", "Agent 1001", 1),
    ("1002", "Agent 1002", 1),
    ("1005", "Supervisor 1005", 5),
    ("1007", "Manager 1007", 7),
    ("1009", "Admin 1009", 9),
];

impl Access {
    /// The desk over a store, with keys from the vault. `issuer` names this server in tokens.
    #[must_use]
    pub fn new(store: Store, vault: &Vault, clock: Clock, issuer: &str) -> Self {
        let revocations = Revocations::default();
        let cores = available_parallelism().map_or(1, NonZero::get);
        let key = vault.session_token_key();
        Self {
            passwords: Passwords::new(cores / 2),
            sessions: SessionBook::new(store.clone(), clock.clone(), revocations.clone()),
            tokens: Tokens::new(clock.clone(), issuer.to_string(), key, revocations.clone()),
            tickets: Tickets::new(clock.clone()),
            start_links: StartLinks::new(clock.clone()),
            revocations,
            store,
            clock,
        }
    }

    /// Ended sessions: listen, and close their sockets with 4401.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// Socket tickets.
    #[must_use]
    pub fn tickets(&self) -> &Tickets {
        &self.tickets
    }

    /// Development sign-in links.
    #[must_use]
    pub fn start_links(&self) -> &StartLinks {
        &self.start_links
    }

    /// Whose token this is: no database, no wait, under 3 µs.
    ///
    /// # Errors
    /// It is nobody's.
    pub fn check_token(&self, token: &str) -> Result<Principal, TokenError> {
        self.tokens.check(token).inspect_err(|_| count_failure("token"))
    }

    /// Whose session cookie this is; counts as use.
    ///
    /// # Errors
    /// It is nobody's, or the database failed.
    pub async fn check_cookie(&self, cookie: &str) -> Result<Principal, SessionError> {
        self.sessions.check(cookie).await.inspect_err(|_| count_failure("session"))
    }

    /// Signs a person in with name or mail address and password. Unknown, disabled and
    /// passwordless people cost and answer the same as a wrong password.
    ///
    /// # Errors
    /// Refused, too busy, or the database failed.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &Secret,
        client: &Client,
    ) -> Result<SignedIn, AccessError> {
        let name = name.to_lowercase();
        let user = self.store.users().by_sign_in(&name).await?;
        let hash = user.as_ref().and_then(|user| user.password_hash.as_deref());
        let is_right = self.passwords.is_right(password, hash).await.map_err(busy)?;
        let Some(user) = user.filter(|user| is_right && !user.disabled) else {
            count_failure("password");
            return Err(AccessError::Refused);
        };
        if user.password_hash.as_deref().is_some_and(Passwords::is_outdated) {
            let hash = self.passwords.hash(password).await.map_err(busy)?;
            self.store.users().set_password_hash(user.id, &hash, self.clock.unix()).await?;
        }
        Ok(self.sessions.open(&user, "password", client).await?)
    }

    /// Signs the reader of a development link in, once.
    ///
    /// # Errors
    /// The link is dead, or the database failed.
    pub async fn start(&self, key: &str, client: &Client) -> Result<SignedIn, AccessError> {
        let user = match self.start_links.redeem(key) {
            Some(id) => self.store.users().by_id(id).await?.filter(|user| !user.disabled),
            None => None,
        };
        let Some(user) = user else {
            count_failure("start_link");
            return Err(AccessError::LinkDead);
        };
        Ok(self.sessions.open(&user, "start_link", client).await?)
    }

    /// Ends one session; its tokens and sockets die with it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn end_session(&self, id: SessionId, why: Ending) -> Result<bool, StoreError> {
        self.sessions.end(id, why).await
    }

    /// Ends all sessions of a person; how many.
    ///
    /// # Errors
    /// The database failed.
    pub async fn end_sessions_of(&self, user: UserId, why: Ending) -> Result<usize, StoreError> {
        self.sessions.end_all_of(user, why).await
    }

    /// Signs a token for a session that was just checked.
    ///
    /// # Errors
    /// The library failed.
    pub fn mint(&self, principal: &Principal) -> Result<Minted, TokenError> {
        self.tokens.mint(principal)
    }

    /// Opens a session for a person and signs a token for it, with at most `level_max`
    /// (`ringfence token mint`).
    ///
    /// # Errors
    /// The database failed.
    pub async fn mint_for(&self, user: &UserRow, level_max: Level) -> Result<Minted, AccessError> {
        let mut principal = self.sessions.open_without_cookie(user, "minted").await?;
        principal.level = principal.level.min(level_max);
        Ok(self.tokens.mint(&principal)?)
    }

    /// Follows endings of other processes. Call about once a second.
    ///
    /// # Errors
    /// The database failed; call again.
    pub async fn follow_endings(&self) -> Result<(), StoreError> {
        self.sessions.follow().await
    }

    /// Ends expired sessions and forgets what is old. Call about once a minute.
    ///
    /// # Errors
    /// The database failed; call again.
    pub async fn clean_up(&self) -> Result<(), StoreError> {
        self.sessions.end_expired().await.map(|_| ())
    }

    /// Adds a person.
    ///
    /// # Errors
    /// Something about them is not allowed or is taken.
    pub async fn add_person(&self, person: &NewPerson) -> Result<UserRow, PersonError> {
        let name = person.name.to_lowercase();
        let display_name = person.display_name.clone().unwrap_or_else(|| person.name.clone());
        check_person(&name, &display_name, person)?;
        let password_hash = match &person.password {
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        let email = person.email.as_ref().map(|email| email.to_lowercase());
        let (number, level) = (person.number.clone(), person.level);
        let new = NewUser { name, display_name, email, number, level, password_hash };
        Ok(self.store.users().insert(&new, self.clock.unix()).await?)
    }

    /// Changes a person's password and ends their sessions; how many.
    ///
    /// # Errors
    /// The password is not allowed, or there is no such person.
    pub async fn set_password(&self, name: &str, password: &Secret) -> Result<usize, PersonError> {
        let user = self.store.users().by_sign_in(&name.to_lowercase()).await?;
        let user = user.ok_or_else(|| PersonError::Nobody(name.to_string()))?;
        let hash = self.passwords.hash(password).await?;
        self.store.users().set_password_hash(user.id, &hash, self.clock.unix()).await?;
        Ok(self.sessions.end_all_of(user.id, Ending::PasswordChanged).await?)
    }

    /// Makes development mode's people, if they are not there, and a token for each.
    ///
    /// # Errors
    /// The database failed.
    pub async fn dev_agents(&self) -> Result<Vec<DevAgent>, AccessError> {
        let mut agents = Vec::new();
        for (number, words, level) in DEV_AGENTS {
            let level = Level::new(level).unwrap_or(Level::AGENT);
            let user = match self.store.users().by_number(number).await? {
                Some(user) => user,
                None => {
                    let new = NewUser {
                        name: number.into(),
                        display_name: words.into(),
                        email: None,
                        number: number.into(),
                        level,
                        password_hash: None,
                    };
                    self.store.users().insert(&new, self.clock.unix()).await?
                }
            };
            let token = self.mint_for(&user, Level::ADMIN).await?.token;
            agents.push(DevAgent { user, token });
        }
        Ok(agents)
    }
}

fn check_person(name: &str, display_name: &str, person: &NewPerson) -> Result<(), PersonError> {
    let is_name = (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
    if !is_name {
        return Err(PersonError::Name);
    }
    let is_shown = (1..=64).contains(&display_name.chars().count())
        && !display_name.chars().any(char::is_control);
    if !is_shown {
        return Err(PersonError::DisplayName);
    }
    let is_mail = |mail: &str| {
        mail.len() <= 254
            && !mail.chars().any(|c| c.is_control() || c.is_whitespace())
            && mail.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.len() > 2)
    };
    if !person.email.as_deref().is_none_or(is_mail) {
        return Err(PersonError::Email);
    }
    let is_number = (1..=16).contains(&person.number.len())
        && person.number.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { Ok(()) } else { Err(PersonError::Number) }
}

fn busy(error: PasswordError) -> AccessError {
    match error {
        PasswordError::Busy | PasswordError::Unavailable => AccessError::Busy,
        PasswordError::TooShort | PasswordError::TooLong => AccessError::Refused,
    }
}

fn count_failure(kind: &'static str) {
    metrics::counter!(metric::AUTH_FAILURES, "kind" => kind).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnixTime;

    async fn desk(folder: &std::path::Path) -> Access {
        let store = Store::open(folder).await.unwrap();
        let clock = Clock::manual(UnixTime(1_000_000));
        let vault = Vault::open(folder, &store, clock.unix()).await.unwrap();
        Access::new(store, &vault, clock, "localhost")
    }

    fn person(name: &str, number: &str) -> NewPerson {
        NewPerson {
            name: name.into(),
            display_name: None,
            email: Some(format!("{number}@Example.com")),
            number: number.into(),
            level: Level::AGENT,
            password: Some(Secret::new("correct horse")),
        }
    }

    #[tokio::test]
    async fn a1_x16_a_person_signs_in_by_name_or_mail_and_every_refusal_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(folder.path()).await;
        let user = desk.add_person(&person("Ann", "1001")).await.unwrap();
        let disabled = desk.add_person(&person("bob", "1002")).await.unwrap();
        desk.store.users().set_disabled(disabled.id, true, UnixTime(1)).await.unwrap();
        let sign_in = async |name: &str, password: &str| {
            desk.sign_in(name, &Secret::new(password), &Client::default()).await
        };
        for name in ["ann", "ANN", "1001@example.com"] {
            assert_eq!(sign_in(name, "correct horse").await.unwrap().principal.user_id, user.id);
        }
        for (name, password) in [
            ("ann", "wrong horse"),
            ("nobody", "correct horse"),
            ("bob", "correct horse"),
            ("ann", "x"),
        ] {
            let refused = sign_in(name, password).await.unwrap_err();
            assert!(matches!(refused, AccessError::Refused), "{name}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn a38_a_new_password_ends_all_sessions_and_the_old_one_is_dead() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(folder.path()).await;
        desk.add_person(&person("ann", "1001")).await.unwrap();
        let old = Secret::new("correct horse");
        let signed_in = desk.sign_in("ann", &old, &Client::default()).await.unwrap();
        let token = desk.mint(&signed_in.principal).unwrap().token;
        assert!(desk.check_token(token.expose()).is_ok());
        assert_eq!(desk.set_password("ann", &Secret::new("battery staple")).await.unwrap(), 1);
        assert!(desk.check_cookie(signed_in.cookie.expose()).await.is_err());
        let refused = desk.check_token(token.expose());
        assert_eq!(refused, Err(TokenError::SessionEnded));
        assert!(desk.sign_in("ann", &old, &Client::default()).await.is_err());
    }

    #[tokio::test]
    async fn development_people_have_each_tier_and_working_tokens_at_every_start() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let desk = desk(folder.path()).await;
            let agents = desk.dev_agents().await.unwrap();
            let levels: Vec<_> = agents.iter().map(|agent| agent.user.level.get()).collect();
            assert_eq!(levels, [1, 1, 5, 7, 9]);
            for agent in agents {
                let principal = desk.check_token(agent.token.expose()).unwrap();
                assert_eq!(principal.level, agent.user.level);
                assert_eq!(*principal.number, agent.user.number);
            }
        }
    }

    #[tokio::test]
    async fn a_person_with_anything_odd_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(folder.path()).await;
        desk.add_person(&person("ann", "1001")).await.unwrap();
        let change = |change: fn(&mut NewPerson)| {
            let mut person = person("bob", "1002");
            change(&mut person);
            person
        };
        for odd in [
            change(|p| p.name = "b\r\nob".into()),
            change(|p| p.name = "ann".into()),
            change(|p| p.display_name = Some("x\u{0}".into())),
            change(|p| p.email = Some("nobody".into())),
            change(|p| p.number = "*43".into()),
            change(|p| p.number = "1001".into()),
            change(|p| p.password = Some(Secret::new("short"))),
        ] {
            assert!(desk.add_person(&odd).await.is_err(), "{odd:?}");
        }
    }
}
