//! PBXs and carriers.

use std::fmt;

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{StoreError, TrunkId, WorkspaceId};
use crate::base::UnixTime;
use crate::config::{CodecName, TrunkMedia, TrunkUri};

/// A PBX or carrier.
#[derive(Clone, PartialEq, Eq)]
pub struct TrunkRow {
    /// Identity; bound into its sealed password.
    pub id: TrunkId,
    /// Whose.
    pub workspace_id: WorkspaceId,
    /// Unique name.
    pub name: String,
    /// Who wrote it.
    pub source: TrunkSource,
    /// Where it is.
    pub uri: TrunkUri,
    /// Digest user.
    pub user: Option<String>,
    /// Digest password, a vault envelope.
    pub password_sealed: Option<Vec<u8>>,
    /// Its certificate authority, PEM.
    pub ca_pem: Option<String>,
    /// How its audio is carried.
    pub media: TrunkMedia,
    /// Offered in this order.
    pub codecs: Vec<CodecName>,
    /// Whether to register at it.
    pub register: bool,
    /// Domain of From, To and registration; the host when `None`.
    pub domain: Option<String>,
    /// What the running server last knew of it.
    pub state: TrunkState,
}

impl fmt::Debug for TrunkRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrunkRow").field("name", &self.name).field("uri", &self.uri).finish()
    }
}

/// Who wrote a trunk down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrunkSource {
    /// The configuration file or a flag; follows it at each start.
    Config,
    /// `ringfence trunk add` or the API.
    Store,
}

impl TrunkSource {
    /// As stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Store => "store",
        }
    }

    /// From its stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "config" => Some(Self::Config),
            "store" => Some(Self::Store),
            _ => None,
        }
    }
}

/// What the running server last knew of a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkState {
    /// `unknown`, `up`, `registered`, `down`, `refused`, `untrusted`.
    pub word: String,
    /// A sentence: why it is down.
    pub detail: String,
    /// When.
    pub at: UnixTime,
}

/// The trunks' repository.
pub struct Trunks<'a> {
    pub(super) link: Link<'a>,
}

impl Trunks<'_> {
    /// Adds a trunk, or replaces the one of the same identity.
    ///
    /// # Errors
    /// Another trunk has the name, or the database cannot be used.
    pub async fn put(&mut self, trunk: &TrunkRow, now: UnixTime) -> Result<(), StoreError> {
        let codecs: Vec<_> = trunk.codecs.iter().map(|codec| codec.as_str()).collect();
        let put = query(
            "INSERT INTO trunks (id, name, source, host, port, username, password_sealed, ca_pem,
                                 media, codecs, register, domain, created_at, updated_at,
                                 workspace_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14)
             ON CONFLICT (id) DO UPDATE SET name = $2, source = $3, host = $4, port = $5,
                 username = $6, password_sealed = $7, ca_pem = $8, media = $9, codecs = $10,
                 register = $11, domain = $12, updated_at = $13",
        )
        .bind(trunk.id.as_bytes().as_slice())
        .bind(&trunk.name)
        .bind(trunk.source.as_str())
        .bind(&trunk.uri.host)
        .bind(i64::from(trunk.uri.port))
        .bind(&trunk.user)
        .bind(&trunk.password_sealed)
        .bind(&trunk.ca_pem)
        .bind(trunk.media.as_str())
        .bind(codecs.join(","))
        .bind(i64::from(trunk.register))
        .bind(&trunk.domain)
        .bind(seconds(now))
        .bind(trunk.workspace_id.as_bytes().as_slice());
        self.link.execute(put).await.map(drop)
    }

    /// One trunk.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_name(&mut self, name: &str) -> Result<Option<TrunkRow>, StoreError> {
        let select = query("SELECT * FROM trunks WHERE name = $1").bind(name);
        self.link.optional(select).await?.as_ref().map(trunk).transpose()
    }

    /// All trunks, by name.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&mut self) -> Result<Vec<TrunkRow>, StoreError> {
        let rows = self.link.all(query("SELECT * FROM trunks ORDER BY created_at, name")).await?;
        rows.iter().map(trunk).collect()
    }

    /// Removes a trunk and its sealed password; `false` when there was none.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove(&mut self, id: TrunkId) -> Result<bool, StoreError> {
        let delete = query("DELETE FROM trunks WHERE id = $1").bind(id.as_bytes().as_slice());
        Ok(self.link.execute(delete).await? == 1)
    }

    /// Notes what the running server knows of a trunk.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_state(&mut self, id: TrunkId, state: &TrunkState) -> Result<(), StoreError> {
        let update =
            query("UPDATE trunks SET state = $2, state_detail = $3, state_at = $4 WHERE id = $1")
                .bind(id.as_bytes().as_slice())
                .bind(&state.word)
                .bind(&state.detail)
                .bind(seconds(state.at));
        self.link.execute(update).await.map(drop)
    }
}

fn trunk(row: &AnyRow) -> Result<TrunkRow, StoreError> {
    let port = u16::try_from(row.int("port")?).map_err(|_| StoreError::Damaged("port"))?;
    let codecs = row.text("codecs")?;
    Ok(TrunkRow {
        id: row.id("id")?,
        workspace_id: row.id("workspace_id")?,
        name: row.text("name")?,
        source: row.word("source", TrunkSource::from_word)?,
        uri: TrunkUri { host: row.text("host")?, port },
        user: row.text_opt("username")?,
        password_sealed: row.bytes_opt("password_sealed")?,
        ca_pem: row.text_opt("ca_pem")?,
        media: row.word("media", TrunkMedia::from_name)?,
        codecs: codecs.split(',').filter_map(CodecName::from_name).collect(),
        register: row.flag("register")?,
        domain: row.text_opt("domain")?,
        state: TrunkState {
            word: row.text("state")?,
            detail: row.text("state_detail")?,
            at: row.time("state_at")?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing;

    #[tokio::test]
    async fn a_trunk_survives_the_round_trip_and_keeps_its_state_when_replaced() {
        for test in testing::each().await {
            let store = &test.store;
            let workspace = store.workspaces().insert("one", UnixTime(1)).await.unwrap();
            let mut trunk = TrunkRow {
                id: TrunkId::random(),
                workspace_id: workspace.id,
                name: "office".into(),
                source: TrunkSource::Store,
                uri: "sips:pbx.example.com".parse().unwrap(),
                user: Some("ringfence".into()),
                password_sealed: Some(vec![1, 2, 3]),
                ca_pem: None,
                media: TrunkMedia::Srtp,
                codecs: vec![CodecName::Opus, CodecName::Pcmu],
                register: true,
                domain: None,
                state: TrunkState { word: "unknown".into(), detail: "".into(), at: UnixTime(0) },
            };
            store.trunks().put(&trunk, UnixTime(5)).await.unwrap();
            assert_eq!(store.trunks().by_name("office").await.unwrap().unwrap(), trunk);
            let word = "untrusted".to_string();
            trunk.state = TrunkState { word, detail: "expired".into(), at: UnixTime(9) };
            store.trunks().set_state(trunk.id, &trunk.state).await.unwrap();
            trunk.register = false;
            store.trunks().put(&trunk, UnixTime(10)).await.unwrap();
            assert_eq!(store.trunks().list().await.unwrap(), [trunk.clone()]);
            assert!(store.trunks().remove(trunk.id).await.unwrap());
            assert!(store.trunks().list().await.unwrap().is_empty());
        }
    }
}
