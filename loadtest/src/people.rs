//! Agents for a load test, made in the server's database beside it: the command line would start a
//! process for each.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use indicatif::ProgressBar;
use ringfence::access::{Access, Level, NewPerson};
use ringfence::base::Clock;
use ringfence::store::Store;
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
        let vault = Vault::open(server.folder.path(), &store, clock.unix()).await?;
        Ok(Self { access: Access::new(store, &vault, clock, &issuer) })
    }

    /// Adds `count` agents with a token each.
    pub async fn add(&self, count: usize) -> Result<Vec<Agent>> {
        let bar = ProgressBar::new(count as u64).with_message("agents");
        let mut agents = Vec::with_capacity(count);
        for index in 0..count {
            let number = format!("{}", 200_000 + index);
            let person = NewPerson {
                name: number.clone(),
                display_name: None,
                email: None,
                number: number.clone(),
                level: Level::AGENT,
                password: None,
            };
            let person = self.access.add_person(&person).await?;
            let minted = self.access.mint_for(&person, Level::AGENT).await?;
            agents.push(Agent { number, token: minted.token.expose().to_owned() });
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(agents)
    }
}

fn issuer(token: &str) -> Result<String> {
    let claims = token.split('.').nth(1).context("not a token")?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
    Ok(claims.iss)
}
