//! Signing in with an account at an identity provider, and linking it to somebody here.
//!
//! An account there is an issuer and a subject; a mail address is none. An address links the two
//! once, and only where both sides vouch for it: the provider says it is verified and it was
//! verified here (A6, A-36). Checking the provider's token is `oidc`'s.

use super::account::Account;
use super::audit::Action;
use super::error::AccessError;
use super::principal::{Actor, UserId};
use super::session::Client;
use super::shared::{anonymous, count_failure};
use super::sign_in::{SignIn, SignInStep, is_lookup};
use super::sign_up::{NewAccount, check_email, name_of};
use super::trail;
use crate::store::{Change, IdentityRow, Member, UserRow};

/// What a provider says of somebody; its token was checked.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Who says so.
    pub issuer: String,
    /// Who it is, there.
    pub subject: String,
    /// Their mail address.
    pub email: Option<String>,
    /// The provider vouches for the address.
    pub email_verified: bool,
    /// `google`, `microsoft`, `apple`: shown as the way they signed in.
    pub provider: String,
    /// What they are called.
    pub name: Option<String>,
}

impl SignIn<'_> {
    /// Signs somebody in with an account at a provider. The second factor is asked for like after
    /// a password.
    ///
    /// # Errors
    /// The address is not verified there or here, nobody has it, or the database failed.
    pub async fn identity(
        &self,
        identity: &Identity,
        client: &Client,
    ) -> Result<SignInStep, AccessError> {
        let is_text = |text: &str| is_lookup(text) || (text.len() > 254 && text.len() <= 2048);
        if !is_text(&identity.issuer) || !is_text(&identity.subject) {
            return Err(AccessError::NoAccount);
        }
        let mut identities = self.shared.store.identities();
        let known = identities.find(&identity.issuer, &identity.subject).await?;
        let user = match known {
            Some(row) => self.shared.store.users().by_id(row.user_id).await?,
            None => Some(self.link(identity, client).await?),
        };
        let user = user.filter(|user| !user.disabled);
        let place = match &user {
            Some(user) => self.first_place(user).await?,
            None => None,
        };
        let Some(member) = place else {
            count_failure("identity");
            return Err(AccessError::NoAccount);
        };
        self.after_first(&member, &identity.provider, client, None).await
    }

    /// Finds whose address it is and links the account to them, or makes an account.
    async fn link(&self, identity: &Identity, client: &Client) -> Result<UserRow, AccessError> {
        let email = identity.email.as_deref().filter(|_| identity.email_verified);
        let email = check_email(email.ok_or(AccessError::IdentityUnverified)?)?;
        let mut change = self.shared.store.begin().await?;
        let user = match change.users().by_email(&email).await? {
            Some(user) if user.email_verified_at.is_none() => {
                return Err(AccessError::LinkRequiresVerification);
            }
            Some(user) => user,
            None => self.make(&mut change, identity, email, client).await?.user,
        };
        let now = self.shared.now();
        let row = IdentityRow {
            issuer: identity.issuer.clone(),
            subject: identity.subject.clone(),
            user_id: user.id,
            provider: identity.provider.clone(),
            created_at: now,
        };
        change.identities().insert(&row).await?;
        let actor = Actor { user_id: Some(user.id), ..anonymous(client) };
        let entry = trail::entry(&actor, Action::IdentityLink, now)
            .on("user", user.id)
            .with("provider", identity.provider.as_str())
            .with("issuer", identity.issuer.as_str());
        self.shared.record(&mut change, entry).await?;
        change.commit().await?;
        Ok(user)
    }

    /// An account and a workspace for somebody who has none, where anybody may sign up.
    async fn make(
        &self,
        change: &mut Change,
        identity: &Identity,
        email: String,
        client: &Client,
    ) -> Result<Member, AccessError> {
        if !self.shared.settings.installation().signup_enabled {
            return Err(AccessError::NoAccount);
        }
        let account = Account { shared: self.shared };
        let name = name_of(&email);
        let shown = identity.name.as_deref().unwrap_or(&name);
        let shown: String = shown.chars().filter(|c| !c.is_control()).take(64).collect();
        let display_name = if shown.trim().is_empty() { name.clone() } else { shown };
        let mut workspace = display_name.clone();
        if change.workspaces().by_name(&workspace).await?.is_some() {
            let id = UserId::random().to_string();
            workspace =
                workspace.chars().take(50).chain(" ".chars()).chain(id.chars().take(8)).collect();
        }
        let new = NewAccount {
            name,
            display_name: &display_name,
            email: Some(email),
            is_verified: true,
            password_hash: None,
        };
        account.make_owner(change, &anonymous(client), new, &workspace).await
    }
}
