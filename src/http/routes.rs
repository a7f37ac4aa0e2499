//! Every row of the table of rights with its handler, what it takes and what it gives. A row
//! without a handler does not compile.

use super::api::audit::{AuditEvent, AuditReport};
use super::api::billing::Billing;
use super::api::factor::{
    MyFactor, OwnPassword, RecoveryCodes, TotpCode, TotpDisable, TotpToSetUp,
};
use super::api::factor_admin::{Exemption, FactorOfPerson};
use super::api::history::LoginEvent;
use super::api::invites::{Invitation, InviteShown, InviteToAccept, InviteToSend};
use super::api::keys::{KeyCreated, KeyShown, KeyToCreate};
use super::api::mail::{MailShown, MailToSet};
use super::api::me::{Me, MeToChange, MyWorkspace, PageName, WorkspaceChoice};
use super::api::numbers::{
    CallShown, NumberAccessChoice, NumberShown, NumberToAdd, NumberToChange, NumberUserShown,
};
use super::api::passkey::{
    LoginPasskey, PasskeyAdded, PasskeyBegin, PasskeyMade, PasskeyName, PasskeyShown,
    PasskeyToMake, PasskeyToShow,
};
use super::api::password::PasswordChange;
use super::api::phone::Phone;
use super::api::pin::{MyPin, PinToSet, PinToUnlock, PinUnlocked};
use super::api::policy::{Policy, PolicyChange, PresetChoice};
use super::api::providers::{ProviderShown, ProviderToSet};
use super::api::public::{ContactForm, DemoBooking};
use super::api::reports::Report;
use super::api::sessions::{EndAll, Ended, SessionShown};
use super::api::shared::{Done, Items, Nothing};
use super::api::sign_in::{LinkKey, Login, LoginAttempt, LoginFactor, SetUp};
use super::api::sign_up::{EmailAddress, NewPassword, SignInOptions, SignUp};
use super::api::token::{Ticket, Token};
use super::api::trunks::{DialPlanAnswer, DialPlanTest, TrunkShown, TrunkToAdd};
use super::api::users::{UserShown, UserToAdd, UserToChange};
use super::api::vault::VaultShown;
use super::api::workspaces::{
    WorkspaceSettings, WorkspaceShown, WorkspaceToAdd, WorkspaceToChange, WorkspaceToRename,
};
use super::api::{
    audit, billing, factor, factor_admin, history, identity, invites, keys, mail, me, numbers,
    passkey, password, phone, pin, policy, providers, public, reports, sessions, sign_in, sign_up,
    token, trunks, users, vault, workspaces,
};
use super::openapi;
use super::shape::{Route, route};
use crate::access::policy::Endpoint;

const BEFORE: &str = "Only what is older than this number";
const LIMIT: &str = "At most so many";
const AFTER: &str = "The `next` of the part before";
const CSV: &str = "text/csv";

/// The handler of a row, and its description.
pub(super) fn route_of(endpoint: Endpoint) -> Route {
    use Endpoint as E;
    let verb = endpoint.rule().verb;
    match endpoint {
        E::SignInOptions => route(verb, sign_up::options).gives::<SignInOptions>(),
        E::Login => route(verb, sign_in::login).takes::<Login>().gives::<Me>(),
        E::LoginFactor => route(verb, sign_in::factor).takes::<LoginFactor>().gives::<Me>(),
        E::LoginEmailCode => {
            route(verb, sign_in::email_code).takes::<LoginAttempt>().gives_status(202)
        }
        E::AskLoginPasskey => {
            route(verb, passkey::ask_at_login).takes::<LoginAttempt>().gives::<PasskeyToShow>()
        }
        E::LoginPasskey => route(verb, passkey::login).takes::<LoginPasskey>().gives::<Me>(),
        E::Start => route(verb, sign_in::start).takes::<LinkKey>().gives::<Me>(),
        E::SetUp => route(verb, sign_in::set_up).takes::<SetUp>().gives::<Me>(),
        E::SignUp => route(verb, sign_up::sign_up).takes::<SignUp>().gives_with::<Done>(201),
        E::VerifyEmail => route(verb, sign_up::verify).takes::<LinkKey>().gives::<Done>(),
        E::ResendVerification => {
            route(verb, sign_up::resend).takes::<EmailAddress>().gives_status(202)
        }
        E::ForgotPassword => route(verb, sign_up::forgot).takes::<EmailAddress>().gives_status(202),
        E::ResetPassword => route(verb, sign_up::reset).takes::<NewPassword>(),
        E::ProviderStart => route(verb, identity::start).leads_elsewhere(),
        E::ProviderReturn => route(verb, identity::come_back).leads_elsewhere(),
        E::ProviderReturnForm => route(verb, identity::come_back_by_form).leads_elsewhere(),
        E::LookAtInvite => route(verb, invites::look).takes::<LinkKey>().gives::<Invitation>(),
        E::AcceptInvite => route(verb, invites::accept).takes::<InviteToAccept>().gives::<Me>(),
        E::JoinWithInvite => route(verb, invites::join).takes::<LinkKey>(),
        E::BookDemo => {
            route(verb, public::book_demo).takes::<DemoBooking>().gives_with::<Done>(201)
        }
        E::Contact => route(verb, public::contact).takes::<ContactForm>().gives_with::<Done>(201),
        E::OpenApi => route(verb, openapi::openapi).gives_file("application/json"),
        E::Logout => route(verb, me::logout).takes::<Nothing>(),
        E::Me => route(verb, me::me).gives::<Me>(),
        E::ChangeMe => route(verb, me::change).takes::<MeToChange>().gives::<Me>(),
        E::MyPages => route(verb, me::pages).gives::<Items<PageName>>(),
        E::MyWorkspaces => route(verb, me::workspaces).gives::<Items<MyWorkspace>>(),
        E::SwitchWorkspace => route(verb, me::switch).takes::<WorkspaceChoice>().gives::<Me>(),
        E::Token => route(verb, token::token).takes::<Nothing>().gives::<Token>(),
        E::Ticket => route(verb, token::ticket).takes::<Nothing>().gives::<Ticket>(),
        E::Phone => route(verb, phone::phone).gives::<Phone>(),
        E::MySessions => route(verb, sessions::mine).gives::<Items<SessionShown>>(),
        E::EndMySession => route(verb, sessions::end_mine),
        E::EndMySessions => route(verb, sessions::end_all_mine).takes::<EndAll>().gives::<Ended>(),
        E::MyLogins => route(verb, history::mine)
            .asks("after", AFTER)
            .asks("limit", LIMIT)
            .gives::<Items<LoginEvent>>(),
        E::ChangePassword => route(verb, password::change).takes::<PasswordChange>(),
        E::MyFactor => route(verb, factor::show).gives::<MyFactor>(),
        E::BeginTotp => route(verb, factor::begin_totp).takes::<Nothing>().gives::<TotpToSetUp>(),
        E::ConfirmTotp => {
            route(verb, factor::confirm_totp).takes::<TotpCode>().gives::<RecoveryCodes>()
        }
        E::DisableTotp => route(verb, factor::disable_totp).takes::<TotpDisable>(),
        E::MyPasskeys => route(verb, passkey::list).gives::<Items<PasskeyShown>>(),
        E::BeginPasskey => {
            route(verb, passkey::begin).takes::<PasskeyBegin>().gives::<PasskeyToMake>()
        }
        E::AddPasskey => {
            route(verb, passkey::add).takes::<PasskeyMade>().gives_with::<PasskeyAdded>(201)
        }
        E::AskPasskey => route(verb, passkey::ask).takes::<Nothing>().gives::<PasskeyToShow>(),
        E::RenamePasskey => route(verb, passkey::rename).takes::<PasskeyName>(),
        E::RemovePasskey => route(verb, passkey::remove).takes::<OwnPassword>(),
        E::RenewRecoveryCodes => route(verb, factor::renew_recovery_codes)
            .takes::<OwnPassword>()
            .gives::<RecoveryCodes>(),
        E::MyPin => route(verb, pin::show).gives::<MyPin>(),
        E::SetPin => route(verb, pin::set).takes::<PinToSet>(),
        E::RemovePin => route(verb, pin::remove).takes::<OwnPassword>(),
        E::UnlockPin => route(verb, pin::unlock).takes::<PinToUnlock>().gives::<PinUnlocked>(),
        E::MyKeys => route(verb, keys::mine).gives::<Items<KeyShown>>(),
        E::CreateKey => {
            route(verb, keys::create).takes::<KeyToCreate>().gives_with::<KeyCreated>(201)
        }
        E::RevokeMyKey => route(verb, keys::revoke_mine),
        E::Page => route(verb, me::page).gives::<PageName>(),
        E::Reports => route(verb, reports::show)
            .asks("from", "First day, YYYY-MM-DD, in one's time zone; today")
            .asks("to", "Last day; today")
            .gives::<Report>(),
        E::ExportReports => route(verb, reports::export)
            .asks("from", "First day, YYYY-MM-DD, in one's time zone; today")
            .asks("to", "Last day; today")
            .gives_file(CSV),
        E::ListUsers => route(verb, users::list).gives::<Items<UserShown>>(),
        E::AddUser => route(verb, users::add).takes::<UserToAdd>().gives_with::<UserShown>(201),
        E::ShowUser => route(verb, users::show).gives::<UserShown>(),
        E::ChangeUser => route(verb, users::change).takes::<UserToChange>().gives::<UserShown>(),
        E::RemoveUser => route(verb, users::remove),
        E::SendReset => route(verb, users::send_reset).takes::<Nothing>().gives_status(202),
        E::SessionsOfUser => route(verb, sessions::of_user).gives::<Items<SessionShown>>(),
        E::EndSessionsOfUser => {
            route(verb, sessions::end_all_of_user).takes::<Nothing>().gives::<Ended>()
        }
        E::FactorStatus => route(verb, factor_admin::list).gives::<Items<FactorOfPerson>>(),
        E::ResetFactor => route(verb, factor_admin::reset).takes::<Nothing>(),
        E::ExemptFactor => route(verb, factor_admin::exempt).takes::<Exemption>(),
        E::EndExemption => route(verb, factor_admin::end_exemption),
        E::ListSessions => route(verb, sessions::list).gives::<Items<SessionShown>>(),
        E::EndSession => route(verb, sessions::end_one),
        E::LoginHistory => route(verb, history::list)
            .asks("after", AFTER)
            .asks("limit", LIMIT)
            .gives::<Items<LoginEvent>>(),
        E::ExportLoginHistory => route(verb, history::export).gives_file(CSV),
        E::ListInvites => route(verb, invites::list).gives::<Items<InviteShown>>(),
        E::CreateInvite => {
            route(verb, invites::create).takes::<InviteToSend>().gives_with::<InviteShown>(201)
        }
        E::RevokeInvite => route(verb, invites::revoke),
        E::ListNumbers => route(verb, numbers::list).gives::<Items<NumberShown>>(),
        E::AddNumber => {
            route(verb, numbers::add).takes::<NumberToAdd>().gives_with::<NumberShown>(201)
        }
        E::ShowNumber => route(verb, numbers::show).gives::<NumberShown>(),
        E::ChangeNumber => {
            route(verb, numbers::change).takes::<NumberToChange>().gives::<NumberShown>()
        }
        E::RemoveNumber => route(verb, numbers::remove),
        E::NumberHistory => route(verb, numbers::calls).gives::<Items<CallShown>>(),
        E::NumberAccess => route(verb, numbers::access).gives::<Items<NumberUserShown>>(),
        E::ShareNumber => route(verb, numbers::share).takes::<NumberAccessChoice>(),
        E::UnshareNumber => route(verb, numbers::unshare),
        E::ListKeys => route(verb, keys::list).gives::<Items<KeyShown>>(),
        E::RevokeKey => route(verb, keys::revoke),
        E::ShowPolicy => route(verb, policy::show).gives::<Policy>(),
        E::ChangePolicy => route(verb, policy::change).takes::<PolicyChange>().gives::<Policy>(),
        E::ApplyPreset => {
            route(verb, policy::apply_preset).takes::<PresetChoice>().gives::<Policy>()
        }
        E::ShowWorkspace => route(verb, workspaces::show).gives::<WorkspaceSettings>(),
        E::ChangeWorkspace => route(verb, workspaces::rename)
            .takes::<WorkspaceToRename>()
            .gives::<WorkspaceSettings>(),
        E::ShowMail => route(verb, mail::show).gives::<MailShown>(),
        E::ChangeMail => route(verb, mail::change).takes::<MailToSet>().gives::<MailShown>(),
        E::TestMail => route(verb, mail::test).takes::<Nothing>(),
        E::ListProviders => route(verb, providers::list).gives::<Items<ProviderShown>>(),
        E::PutProvider => route(verb, providers::put).takes::<ProviderToSet>(),
        E::RemoveProvider => route(verb, providers::remove),
        E::ListTrunks => route(verb, trunks::list).gives::<Items<TrunkShown>>(),
        E::AddTrunk => route(verb, trunks::add).takes::<TrunkToAdd>().gives_with::<TrunkShown>(201),
        E::RemoveTrunk => route(verb, trunks::remove),
        E::TestDialPlan => {
            route(verb, trunks::test_dial_plan).takes::<DialPlanTest>().gives::<DialPlanAnswer>()
        }
        E::ShowBilling => route(verb, billing::show).gives::<Billing>(),
        E::ChangeBilling => route(verb, billing::change).takes::<Billing>().gives::<Billing>(),
        E::Audit => route(verb, audit::list)
            .asks("before", BEFORE)
            .asks("limit", LIMIT)
            .asks("action", "Only this action")
            .asks("target", "Only of this target or actor")
            .gives::<Items<AuditEvent>>(),
        E::ExportAudit => route(verb, audit::export)
            .asks("before", BEFORE)
            .asks("action", "Only this action")
            .asks("target", "Only of this target or actor")
            .gives_file(CSV),
        E::VerifyAudit => route(verb, audit::verify).takes::<Nothing>().gives::<AuditReport>(),
        E::ShowVault => route(verb, vault::show).gives::<VaultShown>(),
        E::RotateVault => route(verb, vault::rotate).takes::<Nothing>().gives::<VaultShown>(),
        E::ListWorkspaces => route(verb, workspaces::list).gives::<Items<WorkspaceShown>>(),
        E::AddWorkspace => {
            route(verb, workspaces::add).takes::<WorkspaceToAdd>().gives_with::<WorkspaceShown>(201)
        }
        E::ChangeAnyWorkspace => route(verb, workspaces::change).takes::<WorkspaceToChange>(),
    }
}
