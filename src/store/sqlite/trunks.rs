//! PBXs and carriers.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::Store;
use super::users::{seconds, time};
use crate::base::UnixTime;
use crate::config::{CodecName, TrunkMedia, TrunkUri};
use crate::store::{StoreError, TrunkId, TrunkRow, TrunkSource, TrunkState};

/// The trunks' repository.
#[derive(Debug)]
pub struct Trunks<'a> {
    pub(super) store: &'a Store,
}

impl Trunks<'_> {
    /// Adds a trunk, or replaces the one of the same identity.
    ///
    /// # Errors
    /// Another trunk has the name, or the database cannot be used.
    pub async fn put(&self, trunk: &TrunkRow, now: UnixTime) -> Result<(), StoreError> {
        let codecs: Vec<_> = trunk.codecs.iter().map(|codec| codec.as_str()).collect();
        sqlx::query(
            "INSERT INTO trunks (id, name, source, host, port, username, password_sealed, ca_pem,
                                 media, codecs, register, domain, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
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
        .bind(trunk.register)
        .bind(&trunk.domain)
        .bind(seconds(now))
        .execute(self.store.writer())
        .await?;
        Ok(())
    }

    /// One trunk.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_name(&self, name: &str) -> Result<Option<TrunkRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM trunks WHERE name = $1")
            .bind(name)
            .fetch_optional(self.store.readers())
            .await?;
        row.as_ref().map(trunk).transpose()
    }

    /// All trunks, by name.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&self) -> Result<Vec<TrunkRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM trunks ORDER BY name")
            .fetch_all(self.store.readers())
            .await?;
        rows.iter().map(trunk).collect()
    }

    /// Removes a trunk and its sealed password; `false` when there was none.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove(&self, id: TrunkId) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM trunks WHERE id = $1")
            .bind(id.as_bytes().as_slice())
            .execute(self.store.writer())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes what the running server knows of a trunk.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_state(&self, id: TrunkId, state: &TrunkState) -> Result<(), StoreError> {
        sqlx::query("UPDATE trunks SET state = $2, state_detail = $3, state_at = $4 WHERE id = $1")
            .bind(id.as_bytes().as_slice())
            .bind(&state.word)
            .bind(&state.detail)
            .bind(seconds(state.at))
            .execute(self.store.writer())
            .await?;
        Ok(())
    }
}

fn trunk(row: &SqliteRow) -> Result<TrunkRow, StoreError> {
    let damaged = || StoreError::Damaged("trunks");
    let id: Vec<u8> = row.try_get("id")?;
    let source: String = row.try_get("source")?;
    let port: i64 = row.try_get("port")?;
    let media: String = row.try_get("media")?;
    let codecs: String = row.try_get("codecs")?;
    Ok(TrunkRow {
        id: TrunkId::from_slice(&id).ok_or_else(damaged)?,
        name: row.try_get("name")?,
        source: TrunkSource::from_word(&source).ok_or_else(damaged)?,
        uri: TrunkUri {
            host: row.try_get("host")?,
            port: u16::try_from(port).map_err(|_| damaged())?,
        },
        user: row.try_get("username")?,
        password_sealed: row.try_get("password_sealed")?,
        ca_pem: row.try_get("ca_pem")?,
        media: TrunkMedia::from_name(&media).ok_or_else(damaged)?,
        codecs: codecs.split(',').filter_map(CodecName::from_name).collect(),
        register: row.try_get("register")?,
        domain: row.try_get("domain")?,
        state: TrunkState {
            word: row.try_get("state")?,
            detail: row.try_get("state_detail")?,
            at: time(row.try_get("state_at")?),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_trunk_survives_the_round_trip_and_keeps_its_state_when_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let mut trunk = TrunkRow {
            id: TrunkId::random(),
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
            state: TrunkState { word: "unknown".into(), detail: String::new(), at: UnixTime(0) },
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
