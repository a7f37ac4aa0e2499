//! Identity providers.

use serde::{Deserialize, Serialize};

use super::{ConnectionError, Connections, Given, check};
use crate::access::principal::Actor;
use crate::base::Secret;
use crate::vault::SecretKind;

/// An identity provider people may sign in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderConnection {
    /// Our name at the provider.
    pub client_id: String,
    /// Its issuer, when it is not the provider's usual one.
    pub issuer: Option<String>,
    /// Apple's team.
    pub team_id: Option<String>,
    /// The name of the key Apple gave.
    pub key_id: Option<String>,
    /// Whether the sign-in page offers it.
    pub enabled: bool,
}

fn key(name: &str) -> String {
    format!("connection.provider.{name}")
}

impl Connections {
    /// The names of the providers there can be.
    pub const PROVIDERS: [&'static str; 3] = ["google", "microsoft", "apple"];

    /// The providers that were set up, with whether their secret is known.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn providers(
        &self,
    ) -> Result<Vec<(&'static str, ProviderConnection, bool)>, ConnectionError> {
        let mut providers = Vec::new();
        for name in Self::PROVIDERS {
            if let Some(provider) = self.read(&key(name)).await? {
                let has = self.secrets.has(self.home().await?, SecretKind::Oidc, name).await?;
                providers.push((name, provider, has));
            }
        }
        Ok(providers)
    }

    /// One provider that people may sign in with now.
    ///
    /// # Errors
    /// There is none of this name, it is switched off, or the database cannot be used.
    pub async fn provider(&self, name: &str) -> Result<ProviderConnection, ConnectionError> {
        let name = known(name)?;
        let found: Option<ProviderConnection> = self.read(&key(name)).await?;
        found.filter(|provider| provider.enabled).ok_or(ConnectionError::None)
    }

    /// Opens a provider's client secret, to finish a sign-in.
    ///
    /// # Errors
    /// The vault or the database failed.
    pub async fn provider_secret(&self, name: &str) -> Result<Option<Secret>, ConnectionError> {
        let (name, home) = (known(name)?, self.home().await?);
        Ok(self.secrets.open(home, SecretKind::Oidc, name, "oidc").await?)
    }

    /// Sets a provider up; without a secret the one before stays, unless it was for another client.
    ///
    /// # Errors
    /// A field is not allowed, or the vault or the database failed.
    pub async fn set_provider(
        &self,
        actor: &Actor,
        name: &str,
        provider: &ProviderConnection,
        secret: Option<&Secret>,
    ) -> Result<(), ConnectionError> {
        let name = known(name)?;
        check("client_id", &provider.client_id)?;
        for (field, text) in [
            ("issuer", &provider.issuer),
            ("team_id", &provider.team_id),
            ("key_id", &provider.key_id),
        ] {
            if let Some(text) = text {
                check(field, text)?;
            }
        }
        let is_url = |issuer: &str| issuer.starts_with("https://") || issuer.starts_with("http://");
        if !provider.issuer.as_deref().is_none_or(is_url) {
            let why = "is an address, such as https://login.example.com";
            return Err(ConnectionError::Field { field: "issuer", why });
        }
        if name == "apple" && (provider.team_id.is_none() || provider.key_id.is_none()) {
            let field = if provider.team_id.is_none() { "team_id" } else { "key_id" };
            let why = "is needed: Apple's developer pages name it";
            return Err(ConnectionError::Field { field, why });
        }
        // A secret is for the client and the provider it was given for.
        let known: Option<ProviderConnection> = self.read(&key(name)).await?;
        let moved = known.is_some_and(|known| {
            (&known.client_id, &known.issuer) != (&provider.client_id, &provider.issuer)
        });
        let secret = match secret {
            Some(secret) => Given::New(secret),
            None if moved => Given::Nothing,
            None => Given::Same,
        };
        self.write(actor, &key(name), provider, (SecretKind::Oidc, name, secret)).await
    }

    /// Forgets a provider and its secret.
    ///
    /// # Errors
    /// There is none of this name, or the database failed.
    pub async fn remove_provider(&self, actor: &Actor, name: &str) -> Result<(), ConnectionError> {
        let name = known(name)?;
        self.remove(actor, &key(name), (SecretKind::Oidc, name)).await
    }
}

fn known(name: &str) -> Result<&'static str, ConnectionError> {
    let found = Connections::PROVIDERS.into_iter().find(|known| *known == name);
    found.ok_or(ConnectionError::None)
}
