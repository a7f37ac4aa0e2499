//! Agents for a load test, made in the server's database beside it: the command line would start a
//! process for each.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use indicatif::ProgressBar;
use std::sync::Arc;

use ringfence::access::audit::Audit;
use ringfence::access::organisation::{Author, NewPerson};
use ringfence::access::{Access, AccessParts, Actor, Letter, Level, Mailbox, WorkspaceId};
use ringfence::base::{Clock, Secret};
use ringfence::store::{Member, Store};
use ringfence::vault::Vault;
use serde::Deserialize;

use crate::server::Server;

/// Somebody who may have phones.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Their number.
    pub number: String,
    /// A token, good for ten minutes.
    pub token: String,
}

/// Signs tokens for made-up agents of one server.
pub struct People {
    access: Access,
    home: WorkspaceId,
}

/// Nobody of a load test has a mail address.
struct NoMail;

impl Mailbox for NoMail {
    fn post(&self, _: &str, _: Letter) {}
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
}

impl People {
    /// Opens the server's database.
    pub async fn of(server: &Server) -> Result<Self> {
        let token = server.line.agents.first().map(|agent| agent.token.as_str());
        let issuer = issuer(token.context("the server has no agents")?)?;
        let clock = Clock::system();
        let store = Store::open(server.folder.path()).await?;
        let folder = server.folder.path();
        let vault = Arc::new(Vault::open(folder, &store, clock.unix()).await?);
        let audit = Audit::open(store.clone(), vault.clone(), folder, clock.clone()).await?;
        let mailbox = Arc::new(NoMail);
        let parts = AccessParts { store, vault, audit, clock, issuer, mailbox };
        let access = Access::open(parts).await?;
        let home = access.ensure_home(&Actor::system()).await?;
        Ok(Self { access, home })
    }

    /// Adds `count` agents with a token each.
    pub async fn add(&self, count: usize) -> Result<Vec<Agent>> {
        let bar = ProgressBar::new(count as u64).with_message("agents");
        let mut agents = Vec::with_capacity(count);
        for index in 0..count {
            let number = format!("{}", 200_000 + index);
            let member = self.add_one(&number, None).await?;
            let minted = self.access.mint_for(&member, Level::AGENT).await?;
            agents.push(Agent { number, token: minted.token.expose().to_owned() });
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(agents)
    }

    /// Adds `count` people who sign in with `password`; gives their names.
    pub async fn add_with_password(&self, count: usize, password: &str) -> Result<Vec<String>> {
        let bar = ProgressBar::new(count as u64).with_message("people");
        let mut names = Vec::with_capacity(count);
        for index in 0..count {
            let number = format!("{}", 300_000 + index);
            self.add_one(&number, Some(Secret::new(password))).await?;
            names.push(number);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(names)
    }

    async fn add_one(&self, number: &str, password: Option<Secret>) -> Result<Member> {
        let person = NewPerson {
            name: number.to_owned(),
            display_name: None,
            email: None,
            role: None,
            level: Some(Level::AGENT),
            number: number.to_owned(),
            password,
        };
        let people = self.access.organisation().people();
        Ok(people.add(&Author::system(), self.home, &person).await?)
    }
}

fn issuer(token: &str) -> Result<String> {
    let claims = token.split('.').nth(1).context("not a token")?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
    Ok(claims.iss)
}
