//! What guessing at an account costs: a wait, per account and address; a browser that signed in
//! before has a bucket of its own (A-21, C7).

use std::net::{IpAddr, Ipv4Addr};

use super::device::DeviceCookie;
use super::error::AccessError;
use super::principal::{Principal, Proof, UserId};
use super::session::Client;
use super::shared::{busy, count_failure};
use super::sign_in::SignIn;
use super::throttle::{
    AccountKey, Attempt, Caller, Decision, DeviceKey, Load, RateClass, RequestFacts,
};
use crate::base::{Secret, UnixTime, limit};
use crate::store::UserRow;
use crate::vault::Purpose;

impl SignIn<'_> {
    /// Checks the password of somebody who is signed in, slowed down after five wrong ones.
    pub(super) async fn confirm_password(
        &self,
        principal: &Principal,
        user: &UserRow,
        password: &Secret,
        client: &Client,
    ) -> Result<(), AccessError> {
        if user.password_hash.is_none() {
            return Err(AccessError::NoPassword);
        }
        // In a bucket of the session's own: nobody else can use it up.
        let device = DeviceCookie {
            user_id: *principal.user_id.as_bytes(),
            device_id: *principal.session_id.as_bytes(),
            issued_at: UnixTime(0),
        };
        let account = principal.user_id.to_string();
        let facts = facts(Attempt::Password, &account, client, Some(&device));
        self.throttle(&facts)?;
        let hash = user.password_hash.as_deref();
        if !self.shared.passwords.is_right(password, hash).await.map_err(busy)? {
            count_failure("password");
            return Err(AccessError::WrongPassword);
        }
        self.shared.throttle.succeeded(&facts);
        Ok(())
    }

    /// Whether somebody who is signed in is really there, before they get another way in: a
    /// session that was taken from them must not be enough. Signing in a moment ago shows it, and
    /// so does the password.
    pub(super) async fn confirm_presence(
        &self,
        principal: &Principal,
        user: &UserRow,
        password: Option<&Secret>,
        client: &Client,
    ) -> Result<(), AccessError> {
        if let Some(password) = password {
            return self.confirm_password(principal, user, password, client).await;
        }
        // A token shows that somebody signed in, and not who has it now.
        if principal.proof == Proof::Token {
            return Err(AccessError::PasswordRequired);
        }
        let session = self.shared.store.sessions().by_id(principal.session_id).await?;
        let since = session.map_or(UnixTime(0), |session| session.created_at);
        if self.shared.now() < since.plus(limit::PRESENCE_MAX) {
            Ok(())
        } else {
            Err(AccessError::PasswordRequired)
        }
    }

    pub(super) fn device_of(&self, user: UserId, cookie: Option<&str>) -> Option<DeviceCookie> {
        let key = self.shared.vault.key(Purpose::DeviceCookie);
        let device = DeviceCookie::verify(key, cookie?, self.shared.now())?;
        (device.user_id == *user.as_bytes()).then_some(device)
    }

    pub(super) fn new_device(&self, user: UserId, now: UnixTime) -> Result<Secret, AccessError> {
        let device = DeviceCookie::new(*user.as_bytes(), now)?;
        Ok(device.sign(self.shared.vault.key(Purpose::DeviceCookie)))
    }

    pub(super) fn throttle(&self, facts: &RequestFacts) -> Result<(), AccessError> {
        match self.shared.throttle.check(self.shared.now_ms(), facts, Load::NONE) {
            Decision::Allowed { .. } => Ok(()),
            Decision::Refused { scope, limit, retry_after_s } => {
                count_failure("throttled");
                Err(AccessError::Throttled { scope: scope.as_str(), limit, retry_after_s })
            }
        }
    }
}

/// What the throttle judges a guess by.
pub(super) fn facts(
    attempt: Attempt,
    account: &str,
    client: &Client,
    device: Option<&DeviceCookie>,
) -> RequestFacts {
    RequestFacts {
        class: RateClass::Auth,
        ip: client.ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        caller: Caller::Anonymous,
        account: Some(AccountKey::new(attempt, account)),
        device: device.map(DeviceKey::from),
    }
}
