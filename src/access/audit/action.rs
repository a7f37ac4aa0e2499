//! What is audited: every action's stable name, in one place.
//!
//! Names are dotted, `aggregate.verb`; they are in rows that outlive versions, so a name is never
//! changed and never used again for something else.

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// An audited action.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Action {
            $($(#[$doc])* $name,)*
        }

        impl Action {
            /// All of them, for filters and documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

actions! {
    /// A person was added.
    UserCreate = "user.create",
    /// A person's own data changed.
    UserUpdate = "user.update",
    /// A person was taken out.
    UserDelete = "user.delete",
    /// A person may no longer sign in.
    UserDisable = "user.disable",
    /// A person may sign in again.
    UserEnable = "user.enable",
    /// A person's mail address was proven.
    UserEmailVerify = "user.email_verify",
    /// A person's mail address changed.
    UserEmailChange = "user.email_change",
    /// A level or a role changed; details hold `old` and `new`.
    UserRoleChange = "user.role_change",
    /// A set-up link was made.
    UserSetUpLink = "user.set_up_link",
    /// A password was changed by its owner.
    PasswordChange = "password.change",
    /// A reset was asked for.
    PasswordResetRequest = "password.reset_request",
    /// A password was set by a reset link.
    PasswordReset = "password.reset",
    /// A PIN was set or changed.
    PinChange = "pin.change",
    /// A PIN was taken away by an administrator.
    PinReset = "pin.reset",
    /// Somebody signed in.
    SessionStart = "session.start",
    /// Somebody signed out.
    SessionEnd = "session.end",
    /// A session was ended by somebody else, or all were.
    SessionRevoke = "session.revoke",
    /// A refresh token was used twice.
    SessionReuse = "session.reuse",
    /// A session comes from another address or browser; details hold both.
    SessionMove = "session.move",
    /// A device was trusted or no longer is.
    DeviceTrust = "device.trust",
    /// A token was made from a shell.
    TokenMint = "token.mint",
    /// A second factor was set up.
    SecondFactorEnable = "second_factor.enable",
    /// A second factor was taken away by its owner.
    SecondFactorDisable = "second_factor.disable",
    /// A second factor was taken away by an administrator.
    SecondFactorReset = "second_factor.reset",
    /// Somebody is excused for a while.
    SecondFactorExempt = "second_factor.exempt",
    /// The excuse was taken back.
    SecondFactorExemptEnd = "second_factor.exempt_end",
    /// A passkey got another name.
    PasskeyRename = "passkey.rename",
    /// A passkey showed a counter from before: there may be a copy of it. Details hold both.
    PasskeyCounterBack = "passkey.counter_back",
    /// New recovery codes.
    RecoveryCodesMake = "recovery_codes.make",
    /// A recovery code was used.
    RecoveryCodeUse = "recovery_codes.use",
    /// An account at an identity provider was linked.
    IdentityLink = "identity.link",
    /// The link was taken away.
    IdentityUnlink = "identity.unlink",
    /// Somebody was invited.
    InviteCreate = "invite.create",
    /// An invite was taken back.
    InviteRevoke = "invite.revoke",
    /// An invite was accepted.
    InviteAccept = "invite.accept",
    /// A workspace was made.
    WorkspaceCreate = "workspace.create",
    /// A workspace's data changed.
    WorkspaceUpdate = "workspace.update",
    /// A workspace was closed.
    WorkspaceDisable = "workspace.disable",
    /// A workspace was opened again.
    WorkspaceEnable = "workspace.enable",
    /// A workspace and all its data were removed.
    WorkspaceDelete = "workspace.delete",
    /// A person came into a workspace.
    MemberAdd = "member.add",
    /// A person's place in a workspace changed.
    MemberUpdate = "member.update",
    /// A person left a workspace.
    MemberRemove = "member.remove",
    /// A phone number was added.
    NumberCreate = "number.create",
    /// A phone number changed.
    NumberUpdate = "number.update",
    /// A phone number was removed.
    NumberDelete = "number.delete",
    /// Who may use a phone number changed.
    NumberAssign = "number.assign",
    /// Somebody may no longer use a phone number.
    NumberUnassign = "number.unassign",
    /// An API key was made.
    KeyCreate = "key.create",
    /// An API key changed.
    KeyUpdate = "key.update",
    /// An API key was revoked.
    KeyRevoke = "key.revoke",
    /// A setting of the policy changed; details hold `old` and `new`.
    PolicyChange = "policy.change",
    /// A preset was taken over.
    PolicyPreset = "policy.preset",
    /// A setting that is no policy changed.
    SettingChange = "setting.change",
    /// Billing data changed.
    BillingChange = "billing.change",
    /// A trunk was added.
    TrunkCreate = "trunk.create",
    /// A trunk changed.
    TrunkUpdate = "trunk.update",
    /// A trunk was removed.
    TrunkDelete = "trunk.delete",
    /// A third-party secret was put in.
    SecretPut = "secret.put",
    /// A third-party secret was removed.
    SecretRemove = "secret.remove",
    /// A key-encryption key was replaced.
    VaultRotate = "vault.rotate",
    /// A key-encryption key protects nothing any more.
    VaultRetire = "vault.retire",
    /// The vault was opened by hand.
    VaultUnseal = "vault.unseal",
    /// The key that signs session tokens was replaced.
    TokenKeyRotate = "token_key.rotate",
    /// The data was saved elsewhere.
    BackupMake = "backup.make",
    /// The data comes from a backup.
    BackupRestore = "backup.restore",
    /// Something was exported; details say what and how much.
    Export = "export.make",
    /// The audit was checked.
    AuditVerify = "audit.verify",
    /// A report of previous days was opened.
    ReportOpen = "report.open",
    /// Somebody was refused for lack of rights.
    AccessDenied = "access.denied",
    /// Somebody was slowed down or put off.
    RateLimited = "access.rate_limited",
    /// A credential was sent in clear and refused.
    TlsRequired = "tls_required",
    /// A browser showed another DTLS certificate than its offer said.
    DtlsFingerprintMismatch = "dtls.fingerprint_mismatch",
    /// A request came from a page that may not ask.
    OriginRefused = "origin.refused",
    /// A call was refused by the rules.
    CallDenied = "call.denied",
    /// The server started.
    ServerStart = "server.start",
    /// The server stopped.
    ServerStop = "server.stop",
}

impl Action {
    /// The action of a name, `None` for one this version does not know.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_dotted_and_lead_back() {
        let mut words = std::collections::BTreeSet::new();
        for action in Action::ALL {
            let word = action.as_str();
            assert!(words.insert(word), "{word} twice");
            assert!(word.bytes().all(|b| b.is_ascii_lowercase() || b == b'.' || b == b'_'));
            assert_eq!(Action::from_word(word), Some(*action));
        }
        assert_eq!(Action::from_word("user.created"), None);
    }
}
