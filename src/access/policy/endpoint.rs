//! Every route of the API and what it needs: the router is built from this table.

use super::super::api_key::Scope;
use super::Permission;
use super::Permission::{
    Billing, Connections, Installation, Invite, ManageKeys, ManageNumbers, ManagePeople,
    ManageSettings, OwnAccount, Reports, UsePhone, ViewAudit, ViewPeople,
};

/// The method of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Reads.
    Get,
    /// Makes or does something.
    Post,
    /// Replaces.
    Put,
    /// Changes parts.
    Patch,
    /// Removes.
    Delete,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Everybody, signed in or not.
    Anyone,
    /// A session, even one that must set up a second factor first.
    Enrolling,
    /// A session's cookie, whatever state it is in.
    Leaving,
    /// The permission, by cookie, token or key.
    Signed(Permission),
    /// The permission, by cookie alone: a token that renews itself would never expire, and a key
    /// must not make keys.
    Cookie(Permission),
}

/// Which bucket requests of a route are counted in (requirements X10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RateClass {
    /// Per token and address.
    General,
    /// Passwords, codes and links: few a minute.
    Auth,
    /// Forms for everybody: five an hour and address.
    PublicForm,
    /// Work that costs: hourly, then a cooldown.
    Expensive,
    /// Files and descriptions.
    Static,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its method.
    pub verb: Verb,
    /// Its path; `{}` are parameters.
    pub path: &'static str,
    /// Who may.
    pub need: Need,
    /// The scope an API key must have; `None` takes no key.
    pub scope: Option<Scope>,
    /// How it is limited.
    pub rate: RateClass,
    /// What it does, for people.
    pub words: &'static str,
}

macro_rules! endpoints {
    ($($name:ident: $verb:ident $path:literal, $need:expr, $rate:ident, $scope:expr, $words:literal;)*) => {
        /// A route of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Endpoint {
            $(#[doc = $words] $name,)*
        }

        impl Endpoint {
            /// Every route.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its row.
            #[must_use]
            pub const fn rule(self) -> Rule {
                use Need::{Anyone, Cookie, Enrolling, Leaving, Signed};
                match self {
                    $(Self::$name => Rule {
                        verb: Verb::$verb,
                        path: $path,
                        need: $need,
                        scope: $scope,
                        rate: RateClass::$rate,
                        words: $words,
                    },)*
                }
            }

            /// Its name, for the description and for tests.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

endpoints! {
    SignInOptions: Get "/api/v1/sign-in-options", Anyone, General, None, "Ways to sign in";
    Login: Post "/api/v1/login", Anyone, Auth, None, "Sign in with name or mail address and password";
    LoginFactor: Post "/api/v1/login/factor", Anyone, Auth, None, "Show the second factor";
    LoginEmailCode: Post "/api/v1/login/email-code", Anyone, Auth, None, "Have the second factor mailed";
    AskLoginPasskey: Post "/api/v1/login/passkey/ask", Anyone, General, None, "Be asked for a passkey as the second factor";
    LoginPasskey: Post "/api/v1/login/passkey", Anyone, Auth, None, "Show a passkey as the second factor";
    Start: Post "/api/v1/start", Anyone, Auth, None, "Sign in with a development link";
    SetUp: Post "/api/v1/set-up", Anyone, Auth, None, "Make the first administrator with the set-up link";
    SignUp: Post "/api/v1/sign-up", Anyone, PublicForm, None, "Make an account and a workspace";
    VerifyEmail: Post "/api/v1/email/verify", Anyone, Auth, None, "Show that mail is read there";
    ResendVerification: Post "/api/v1/email/resend", Anyone, PublicForm, None, "Send the verification link again";
    ForgotPassword: Post "/api/v1/password/forgot", Anyone, PublicForm, None, "Ask for a link to set a new password";
    ResetPassword: Post "/api/v1/password/reset", Anyone, Auth, None, "Set a new password with the link";
    ProviderStart: Get "/api/v1/identity/{provider}/start", Anyone, Auth, None, "Go to an identity provider";
    ProviderReturn: Get "/api/v1/identity/{provider}/return", Anyone, Auth, None, "Come back from an identity provider";
    ProviderReturnForm: Post "/api/v1/identity/{provider}/return", Anyone, Auth, None, "Come back from Apple (form_post)";
    LookAtInvite: Post "/api/v1/invites/look", Anyone, Auth, None, "Read an invitation";
    AcceptInvite: Post "/api/v1/invites/accept", Anyone, Auth, None, "Join with an invitation";
    JoinWithInvite: Post "/api/v1/invites/join", Cookie(OwnAccount), Auth, None, "Join another workspace with an invitation";
    BookDemo: Post "/api/v1/public/demo-bookings", Anyone, PublicForm, None, "Book a demonstration";
    Contact: Post "/api/v1/public/contact", Anyone, PublicForm, None, "Write to the owner";
    OpenApi: Get "/api/openapi.json", Anyone, Static, None, "This description";
    Logout: Post "/api/v1/logout", Leaving, General, None, "Sign out";
    Me: Get "/api/v1/me", Enrolling, General, None, "The signed-in person";
    ChangeMe: Patch "/api/v1/me", Signed(OwnAccount), General, None, "Change one's name or time zone";
    MyPages: Get "/api/v1/me/pages", Signed(OwnAccount), General, None, "The pages one may see";
    MyWorkspaces: Get "/api/v1/me/workspaces", Signed(OwnAccount), General, None, "The workspaces one belongs to";
    SwitchWorkspace: Post "/api/v1/me/workspace", Cookie(OwnAccount), General, None, "Work in another workspace";
    Token: Post "/api/v1/token", Cookie(OwnAccount), General, None, "A short-lived token for sockets and programs";
    Ticket: Post "/api/v1/ticket", Signed(UsePhone), General, None, "A single-use ticket for a socket";
    Phone: Get "/api/v1/phone", Signed(UsePhone), General, None, "What a page needs to be a phone";
    MySessions: Get "/api/v1/me/sessions", Signed(OwnAccount), General, None, "One's sessions, current and completed";
    EndMySession: Delete "/api/v1/me/sessions/{id}", Cookie(OwnAccount), General, None, "End one of one's sessions";
    EndMySessions: Post "/api/v1/me/sessions/end-all", Cookie(OwnAccount), General, None, "Log out of all devices";
    MyLogins: Get "/api/v1/me/logins", Signed(OwnAccount), General, None, "One's login history";
    ChangePassword: Post "/api/v1/me/password", Cookie(OwnAccount), Auth, None, "Change one's password";
    MyFactor: Get "/api/v1/me/second-factor", Enrolling, General, None, "One's second factor";
    BeginTotp: Post "/api/v1/me/second-factor/totp", Enrolling, Auth, None, "Begin to set up an authenticator app";
    ConfirmTotp: Post "/api/v1/me/second-factor/totp/confirm", Enrolling, Auth, None, "Enable the authenticator app";
    DisableTotp: Post "/api/v1/me/second-factor/totp/disable", Cookie(OwnAccount), Auth, None, "Disable the authenticator app";
    MyPasskeys: Get "/api/v1/me/second-factor/passkeys", Signed(OwnAccount), General, None, "One's passkeys";
    BeginPasskey: Post "/api/v1/me/second-factor/passkeys/begin", Enrolling, Auth, None, "Begin to make a passkey";
    AddPasskey: Post "/api/v1/me/second-factor/passkeys", Enrolling, Auth, None, "Take a passkey into use";
    AskPasskey: Post "/api/v1/me/second-factor/passkeys/ask", Cookie(OwnAccount), General, None, "Be asked for a passkey, to confirm something";
    RenamePasskey: Patch "/api/v1/me/second-factor/passkeys/{id}", Cookie(OwnAccount), General, None, "Rename a passkey";
    RemovePasskey: Post "/api/v1/me/second-factor/passkeys/{id}/remove", Cookie(OwnAccount), Auth, None, "Remove a passkey";
    RenewRecoveryCodes: Post "/api/v1/me/second-factor/recovery-codes", Cookie(OwnAccount), Auth, None, "New recovery codes";
    MyPin: Get "/api/v1/me/pin", Signed(OwnAccount), General, None, "Whether a PIN guards one's reports";
    SetPin: Put "/api/v1/me/pin", Cookie(OwnAccount), Auth, None, "Set the PIN";
    RemovePin: Post "/api/v1/me/pin/remove", Cookie(OwnAccount), Auth, None, "Take the PIN away";
    UnlockPin: Post "/api/v1/me/pin/unlock", Cookie(OwnAccount), Auth, None, "Open reports of previous days for 15 minutes";
    MyKeys: Get "/api/v1/me/api-keys", Signed(OwnAccount), General, None, "One's API keys";
    CreateKey: Post "/api/v1/me/api-keys", Cookie(OwnAccount), Auth, None, "Make an API key";
    RevokeMyKey: Delete "/api/v1/me/api-keys/{id}", Cookie(OwnAccount), General, None, "Revoke one of one's API keys";
    Page: Get "/api/v1/pages/{page}", Signed(OwnAccount), General, None, "Whether one may see a page";
    Reports: Get "/api/v1/reports", Signed(Reports), General, Some(Scope::ReportsRead), "Calls per day";
    ExportReports: Get "/api/v1/reports.csv", Signed(Reports), General, Some(Scope::ReportsRead), "Calls per day, CSV";
    ListUsers: Get "/api/v1/users", Signed(ViewPeople), General, Some(Scope::UsersRead), "Everybody in the workspace";
    AddUser: Post "/api/v1/users", Signed(ManagePeople), General, Some(Scope::UsersWrite), "Add a person";
    ShowUser: Get "/api/v1/users/{id}", Signed(ViewPeople), General, Some(Scope::UsersRead), "One person";
    ChangeUser: Patch "/api/v1/users/{id}", Signed(ManagePeople), General, Some(Scope::UsersWrite), "Change a person";
    RemoveUser: Delete "/api/v1/users/{id}", Signed(ManagePeople), General, Some(Scope::UsersWrite), "Take a person out of the workspace";
    SendReset: Post "/api/v1/users/{id}/password-reset", Signed(ManagePeople), General, Some(Scope::UsersWrite), "Mail a person a link to set a new password";
    SessionsOfUser: Get "/api/v1/users/{id}/sessions", Signed(ManagePeople), General, Some(Scope::SessionsRead), "A person's sessions";
    EndSessionsOfUser: Post "/api/v1/users/{id}/sessions/end-all", Signed(ManagePeople), General, Some(Scope::SessionsWrite), "End a person's sessions";
    FactorStatus: Get "/api/v1/second-factors", Signed(ViewPeople), General, Some(Scope::UsersRead), "Who has which second factor";
    ResetFactor: Post "/api/v1/users/{id}/second-factor/reset", Signed(ManagePeople), General, Some(Scope::UsersWrite), "Reset a person's second factor";
    ExemptFactor: Put "/api/v1/users/{id}/second-factor/exemption", Signed(ManagePeople), General, Some(Scope::UsersWrite), "Exempt a person from the second factor for a time";
    EndExemption: Delete "/api/v1/users/{id}/second-factor/exemption", Signed(ManagePeople), General, Some(Scope::UsersWrite), "End an exemption";
    ListSessions: Get "/api/v1/sessions", Signed(ManagePeople), General, Some(Scope::SessionsRead), "All sessions of the workspace";
    EndSession: Delete "/api/v1/sessions/{id}", Signed(ManagePeople), General, Some(Scope::SessionsWrite), "End a session";
    LoginHistory: Get "/api/v1/login-history", Signed(ViewAudit), General, Some(Scope::AuditRead), "Sign-ins and sign-outs";
    ExportLoginHistory: Get "/api/v1/login-history.csv", Signed(ViewAudit), General, Some(Scope::AuditRead), "Sign-ins and sign-outs, CSV";
    ListInvites: Get "/api/v1/invites", Signed(Invite), General, Some(Scope::UsersRead), "Invitations";
    CreateInvite: Post "/api/v1/invites", Signed(Invite), General, Some(Scope::InvitesWrite), "Invite somebody";
    RevokeInvite: Delete "/api/v1/invites/{id}", Signed(Invite), General, Some(Scope::InvitesWrite), "Take an invitation back";
    ListNumbers: Get "/api/v1/numbers", Signed(OwnAccount), General, Some(Scope::NumbersRead), "Phone numbers one may see";
    AddNumber: Post "/api/v1/numbers", Signed(ManageNumbers), General, Some(Scope::NumbersWrite), "Add a phone number";
    ShowNumber: Get "/api/v1/numbers/{id}", Signed(OwnAccount), General, Some(Scope::NumbersRead), "One phone number";
    ChangeNumber: Patch "/api/v1/numbers/{id}", Signed(OwnAccount), General, Some(Scope::NumbersWrite), "Rename a phone number";
    RemoveNumber: Delete "/api/v1/numbers/{id}", Signed(OwnAccount), General, Some(Scope::NumbersWrite), "Remove a phone number";
    NumberHistory: Get "/api/v1/numbers/{id}/calls", Signed(OwnAccount), General, Some(Scope::NumbersRead), "Calls of a phone number";
    NumberAccess: Get "/api/v1/numbers/{id}/access", Signed(OwnAccount), General, Some(Scope::NumbersRead), "Who uses a phone number";
    ShareNumber: Put "/api/v1/numbers/{id}/access/{user}", Signed(OwnAccount), General, Some(Scope::NumbersWrite), "Let a person use a phone number";
    UnshareNumber: Delete "/api/v1/numbers/{id}/access/{user}", Signed(OwnAccount), General, Some(Scope::NumbersWrite), "Take a phone number away from a person";
    ListKeys: Get "/api/v1/api-keys", Signed(ManageKeys), General, Some(Scope::KeysRead), "All API keys of the workspace";
    RevokeKey: Delete "/api/v1/api-keys/{id}", Cookie(ManageKeys), General, None, "Revoke an API key";
    ShowPolicy: Get "/api/v1/policy", Signed(ManageSettings), General, Some(Scope::SettingsRead), "Every setting, its value and where it comes from";
    ChangePolicy: Patch "/api/v1/policy", Signed(ManageSettings), General, Some(Scope::SettingsWrite), "Change settings";
    ApplyPreset: Post "/api/v1/policy/preset", Signed(ManageSettings), General, Some(Scope::SettingsWrite), "Apply a preset";
    ShowWorkspace: Get "/api/v1/settings/workspace", Signed(ManageSettings), General, Some(Scope::SettingsRead), "The workspace";
    ChangeWorkspace: Patch "/api/v1/settings/workspace", Signed(ManageSettings), General, Some(Scope::SettingsWrite), "Rename the workspace";
    ShowMail: Get "/api/v1/settings/mail", Signed(Installation), General, Some(Scope::SettingsRead), "How mail is sent";
    ChangeMail: Put "/api/v1/settings/mail", Cookie(Connections), General, None, "Change how mail is sent";
    TestMail: Post "/api/v1/settings/mail/test", Cookie(Connections), Expensive, None, "Send a mail to oneself";
    ListProviders: Get "/api/v1/settings/identity-providers", Signed(Installation), General, Some(Scope::SettingsRead), "Identity providers";
    PutProvider: Put "/api/v1/settings/identity-providers/{provider}", Cookie(Connections), General, None, "Set an identity provider up";
    RemoveProvider: Delete "/api/v1/settings/identity-providers/{provider}", Cookie(Connections), General, None, "Remove an identity provider";
    ListTrunks: Get "/api/v1/trunks", Signed(ManageSettings), General, Some(Scope::SettingsRead), "PBXs and their state";
    AddTrunk: Post "/api/v1/trunks", Signed(ManageSettings), General, Some(Scope::SettingsWrite), "Add a PBX";
    RemoveTrunk: Delete "/api/v1/trunks/{id}", Signed(ManageSettings), General, Some(Scope::SettingsWrite), "Remove a PBX";
    TestDialPlan: Post "/api/v1/dial-plan/test", Signed(ManageSettings), Expensive, Some(Scope::SettingsRead), "Where a number would lead";
    ShowBilling: Get "/api/v1/billing", Signed(Billing), General, None, "Who pays";
    ChangeBilling: Put "/api/v1/billing", Signed(Billing), General, None, "Change who pays";
    Audit: Get "/api/v1/audit", Signed(ViewAudit), General, Some(Scope::AuditRead), "The audit log";
    ExportAudit: Get "/api/v1/audit.csv", Signed(ViewAudit), General, Some(Scope::AuditRead), "The audit log, CSV";
    VerifyAudit: Post "/api/v1/audit/verify", Signed(Installation), Expensive, None, "Check the chain of the audit log";
    ShowVault: Get "/api/v1/vault", Signed(Installation), General, None, "Keys and what they seal";
    RotateVault: Post "/api/v1/vault/rotate", Cookie(Installation), Expensive, None, "Rotate the vault's keys";
    ListWorkspaces: Get "/api/v1/workspaces", Signed(Installation), General, None, "All workspaces";
    AddWorkspace: Post "/api/v1/workspaces", Signed(Installation), General, None, "Make a workspace";
    ChangeAnyWorkspace: Patch "/api/v1/workspaces/{id}", Signed(Installation), General, None, "Rename or close a workspace";
}

impl Verb {
    /// As written in requests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_routes_share_method_and_path_and_none_that_changes_is_a_get() {
        let rows: HashSet<_> =
            Endpoint::ALL.iter().map(|e| (e.rule().verb, e.rule().path)).collect();
        assert_eq!(rows.len(), Endpoint::ALL.len());
        for endpoint in Endpoint::ALL {
            let rule = endpoint.rule();
            assert!(rule.path.starts_with("/api/"), "{}", rule.path);
            let is_secret = matches!(rule.need, Need::Cookie(_));
            assert!(!(is_secret && rule.scope.is_some()), "{}: no key may", endpoint.name());
        }
    }
}
