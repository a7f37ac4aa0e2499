//! The first administrator: a link, printed by the server or the command line, good once.
//!
//! A fresh installation has nobody and no default password: until the link is used nobody can sign
//! in.

use super::account::Account;
use super::audit::Action;
use super::error::AccessError;
use super::password_policy::PersonalWords;
use super::principal::Actor;
use super::session::{Client, Opening, SignedIn};
use super::shared::{Shared, anonymous, busy};
use super::sign_up::{NewAccount, check_email, check_name, check_shown, taken};
use super::trail;
use crate::base::Secret;
use crate::store::LinkKind;

/// Setting up.
#[derive(Clone, Copy)]
pub struct SetUp<'a> {
    pub(super) shared: &'a Shared,
}

/// The first administrator to make.
#[derive(Clone, Debug)]
pub struct SetUpRequest {
    /// Sign-in name.
    pub name: String,
    /// What others see.
    pub display_name: String,
    /// Mail address; whoever holds the link is believed.
    pub email: Option<String>,
    /// The password.
    pub password: Secret,
    /// The first workspace's name.
    pub workspace: String,
}

impl SetUp<'_> {
    /// Whether there is nobody yet.
    ///
    /// # Errors
    /// The database failed.
    pub async fn is_needed(&self) -> Result<bool, AccessError> {
        Ok(self.shared.store.users().is_empty().await?)
    }

    /// Makes the link's key; one made before is void.
    ///
    /// # Errors
    /// There is somebody already, or the database failed.
    pub async fn make_link(&self, actor: &Actor) -> Result<Secret, AccessError> {
        let mut change = self.shared.store.begin().await?;
        if !change.users().is_empty().await? {
            return Err(AccessError::SetUpDone);
        }
        let account = Account { shared: self.shared };
        let key = account.new_link(&mut change, LinkKind::SetUp, None, None).await?;
        let entry = trail::entry(actor, Action::UserSetUpLink, self.shared.now());
        self.shared.record(&mut change, entry).await?;
        change.commit().await?;
        Ok(key)
    }

    /// Makes the first administrator and the home workspace, and signs them in.
    ///
    /// # Errors
    /// The link is used, late or void, a field is not allowed, or the database failed.
    pub async fn finish(
        &self,
        key: &Secret,
        request: &SetUpRequest,
        client: &Client,
    ) -> Result<SignedIn, AccessError> {
        let account = Account { shared: self.shared };
        let link = account.open_link(key.expose(), LinkKind::SetUp).await?;
        let name = check_name(&request.name)?;
        let display_name = check_shown("display_name", &request.display_name)?;
        let workspace = check_shown("workspace", &request.workspace)?;
        let email = request.email.as_deref().map(check_email).transpose()?;
        let names = [name.as_str(), display_name];
        let words = PersonalWords {
            names: &names,
            email: email.as_deref(),
            workspace: &[workspace, &self.shared.issuer],
        };
        self.shared.settings.installation().password.check(&request.password, &words)?;
        let hash = self.shared.passwords.hash(&request.password).await.map_err(busy)?;
        let mut change = self.shared.store.begin().await?;
        if !change.mail_links().redeem(&link.token_hash, self.shared.now()).await? {
            return Err(AccessError::LinkUsed);
        }
        if !change.users().is_empty().await? {
            return Err(AccessError::SetUpDone);
        }
        let new = NewAccount {
            name,
            display_name,
            is_verified: email.is_some(),
            email,
            password_hash: Some(hash),
        };
        let home = self.shared.ensure_home(&mut change, &Actor::system(), workspace).await?;
        if home.name != workspace {
            let renamed = change.workspaces().set(home.id, workspace, false).await;
            renamed.map_err(|error| taken(error, "workspace"))?;
        }
        let user = account.insert_user(&mut change, new).await?;
        let actor = anonymous(client);
        let member = account.join(&mut change, &actor, home.id, user).await?;
        change.commit().await?;
        self.shared.read_home().await?;
        self.shared.settings.follow().await?;
        let opening = Opening { method: "set_up", factor: None, enrolling: false, since: None };
        Ok(self.shared.sessions().open(&member, opening, client).await?)
    }
}
