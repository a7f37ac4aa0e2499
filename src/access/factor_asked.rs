//! Who is asked for a second factor, and which.

use super::error::AccessError;
use super::second_factor::{
    Method, Own, RESET, SecondFactor, has_email, is_exempt, is_required, method,
};
use super::settings::{FactorMethod, Policy};
use crate::base::UnixTime;
use crate::store::{Member, SecondFactorRow};

/// What is asked of somebody who signs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ask {
    /// What they may show; nothing is asked when empty.
    pub methods: Vec<Method>,
    /// Then they must set up an app or a passkey.
    pub then_enrol: bool,
}

impl Ask {
    /// Whether anything is asked.
    pub(super) fn is_needed(&self) -> bool {
        self.then_enrol || !self.methods.is_empty()
    }
}

impl SecondFactor<'_> {
    /// What is asked of somebody who signs in to a workspace. Who has an app or a passkey is always
    /// asked for it: it is the person's, not the workspace's. Who has none and must show something
    /// gets a code by mail, where mail is a method and their address is verified (B9); who cannot,
    /// and whose second factor an administrator took away, must set one up (B10, B11).
    pub(super) async fn ask(&self, member: &Member) -> Result<Ask, AccessError> {
        let Member { user, membership } = member;
        let row = self.shared.store.second_factors().of_user(user.id).await?;
        let own = Own {
            totp: row.as_ref().is_some_and(|row| row.totp_sealed.is_some()),
            passkeys: self.shared.store.passkeys().count_of(user.id).await?,
        };
        let policy = self.shared.policy(membership.workspace_id);
        Ok(ask(&policy, member, own, row.as_ref(), self.shared.now()))
    }
}

fn ask(
    policy: &Policy,
    Member { user, membership }: &Member,
    own: Own,
    row: Option<&SecondFactorRow>,
    now: UnixTime,
) -> Ask {
    let allows = |method| policy.mfa_methods.contains(&method);
    let was_reset = row.is_some_and(|row| row.last_method.as_deref() == Some(RESET));
    let may_mail = allows(FactorMethod::Email) && has_email(user);
    if is_exempt(row, now) {
        return Ask::default();
    }
    if own.is_any() {
        let can_show = [
            (own.passkeys > 0, FactorMethod::Passkey),
            (own.totp, FactorMethod::Totp),
            (may_mail, FactorMethod::Email),
        ];
        let can_show = can_show.into_iter().filter_map(|(can, method)| can.then_some(method));
        let mut can_show: Vec<FactorMethod> = can_show.collect();
        can_show.sort_by_key(|method| policy.rank(*method));
        let recovery = std::iter::once(Method::Recovery);
        let methods = can_show.into_iter().map(method).chain(recovery).collect();
        return Ask { methods, then_enrol: false };
    }
    if !is_required(policy, membership) && !was_reset {
        return Ask::default();
    }
    let may_set_up = allows(FactorMethod::Totp) || allows(FactorMethod::Passkey);
    let then_enrol = !may_mail || (was_reset && may_set_up);
    Ask { methods: may_mail.then_some(Method::Email).into_iter().collect(), then_enrol }
}
