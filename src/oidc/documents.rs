//! A provider's discovery document and keys, fetched and kept for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::discovery::{Metadata, document_url};
use super::error::OidcError;
use super::keys::KeySet;
use super::provider::{Kind, Provider};
use crate::base::{UnixTime, limit};
use crate::net::fetch::{Authorization, Fetcher};

/// What a provider publishes.
#[derive(Clone)]
pub(super) struct Documents {
    pub(super) metadata: Arc<Metadata>,
    pub(super) keys: Arc<KeySet>,
}

struct Kept {
    documents: Documents,
    fetched_at: UnixTime,
    keys_fetched_at: UnixTime,
}

/// The documents of all providers, by what decides how they are read.
#[derive(Default)]
pub(super) struct DocumentCache(Mutex<HashMap<(Kind, String), Kept>>);

impl DocumentCache {
    /// The documents, from memory or fetched.
    pub(super) async fn documents(
        &self,
        fetcher: &Fetcher,
        provider: &Provider,
        now: UnixTime,
    ) -> Result<Documents, OidcError> {
        let key = (provider.kind, provider.issuer.clone());
        let fresh = |kept: &&Kept| now < kept.fetched_at.plus(limit::OIDC_CACHE_LIFE);
        if let Some(kept) = self.lock().get(&key).filter(fresh) {
            return Ok(kept.documents.clone());
        }
        let json = fetch(fetcher, &document_url(&provider.issuer), "discovery document").await?;
        let metadata = Metadata::parse(provider, &json)?;
        for endpoint in [&metadata.authorization_endpoint, &metadata.token_endpoint] {
            fetcher.check(endpoint)?;
        }
        let keys = KeySet::parse(&fetch(fetcher, &metadata.jwks_uri, "key set").await?)?;
        let documents = Documents { metadata: Arc::new(metadata), keys: Arc::new(keys) };
        let kept = Kept { documents: documents.clone(), fetched_at: now, keys_fetched_at: now };
        let mut all = self.lock();
        if all.len() >= limit::OIDC_PROVIDERS_CACHED_MAX && !all.contains_key(&key) {
            let oldest = all.iter().min_by_key(|(_, kept)| kept.fetched_at);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                all.remove(&oldest);
            }
        }
        all.insert(key, kept);
        Ok(documents)
    }

    /// The keys fetched anew because a token names one we do not have; `None` when that was done
    /// within the last minute.
    pub(super) async fn newer_keys(
        &self,
        fetcher: &Fetcher,
        provider: &Provider,
        now: UnixTime,
    ) -> Result<Option<Arc<KeySet>>, OidcError> {
        let key = (provider.kind, provider.issuer.clone());
        let jwks_uri = {
            let mut all = self.lock();
            let Some(kept) = all.get_mut(&key) else { return Ok(None) };
            if now < kept.keys_fetched_at.plus(limit::OIDC_REFETCH_EVERY) {
                return Ok(None);
            }
            // Before the answer is there, so that many tokens at once ask once.
            kept.keys_fetched_at = now;
            kept.documents.metadata.jwks_uri.clone()
        };
        let keys = Arc::new(KeySet::parse(&fetch(fetcher, &jwks_uri, "key set").await?)?);
        if let Some(kept) = self.lock().get_mut(&key) {
            kept.documents.keys = Arc::clone(&keys);
        }
        Ok(Some(keys))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Kind, String), Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn fetch(
    fetcher: &Fetcher,
    url: &str,
    what: &'static str,
) -> Result<bytes::Bytes, OidcError> {
    let answer = fetcher.get(url, &Authorization::None).await?;
    if answer.status == 200 { Ok(answer.body) } else { Err(OidcError::Provider { what }) }
}
