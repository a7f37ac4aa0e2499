//! How each kind of link's user agent is set up.

use std::net::SocketAddr;

use super::door::ListenerKind;
use super::{Engine, host_of};
use crate::base::limit;
use crate::sip::digest::{ChallengedBy, Credentials, DigestServer};
use crate::sip::uri::{Host, Uri};
use crate::sip::user_agent::{
    InviteChallenge, PeerKind, Random, Transport, UserAgent, UserAgentConfig,
};
use crate::store::TrunkRow;

/// `User-Agent` and `Server`: the product without its version, which is nobody's business outside.
const PRODUCT: &str = "Ringfence";

impl Engine {
    /// The user agent of a phone's socket.
    pub(super) fn phone_user_agent(&self, listener: ListenerKind) -> UserAgent {
        let (transport, word) = match listener {
            ListenerKind::Tls => (Transport::Wss, "wss"),
            ListenerKind::Plain => (Transport::Ws, "ws"),
        };
        let host = self.sip_host().clone();
        let sent_by = host.to_string();
        let mut contact = Uri::sip(Some("ringfence"), host);
        contact.params.set("transport", word);
        UserAgent::new(UserAgentConfig {
            transport,
            sent_by,
            contact,
            product: PRODUCT.to_owned(),
            peer: PeerKind::Phone,
            peer_uri: None,
            credentials: None,
            challenge: None,
            transactions_max: limit::TRANSACTIONS_PER_FLOW_MAX,
            dialogs_max: limit::DIALOGS_PER_PHONE_MAX,
            random: Random::system(),
        })
    }

    /// The user agent of the link we open to a PBX from `local`.
    ///
    /// # Errors
    /// The password cannot be opened; the text says why.
    pub(super) fn trunk_user_agent(
        &self,
        row: &TrunkRow,
        local: SocketAddr,
    ) -> Result<UserAgent, String> {
        let credentials = self.credentials(row, "register")?;
        Ok(UserAgent::new(self.trunk_config(row, local, credentials, None)))
    }

    /// The user agent of a connection a PBX opened to us. One that did not prove itself by its
    /// certificate is challenged with the account of its trunk.
    ///
    /// # Errors
    /// There is no way to tell the PBX from somebody else at its address.
    pub(super) fn accepted_user_agent(
        &self,
        row: &TrunkRow,
        local: SocketAddr,
        is_proven: bool,
    ) -> Result<UserAgent, String> {
        let credentials = self.credentials(row, "accept")?;
        let challenge = match (is_proven, &credentials) {
            (true, _) => None,
            (false, Some(account)) => Some(self.challenge(row, account)),
            (false, None) => {
                return Err("it showed no certificate and its trunk has no account".to_owned());
            }
        };
        Ok(UserAgent::new(self.trunk_config(row, local, credentials, challenge)))
    }

    fn challenge(&self, row: &TrunkRow, account: &Credentials) -> InviteChallenge {
        let realm = row.domain.as_deref().unwrap_or(&row.uri.host);
        let key = *self.parts.vault.digest_nonce_key();
        InviteChallenge {
            server: DigestServer::new(self.clock().now(), realm, ChallengedBy::Server, key),
            user: account.user.clone(),
            password: account.password.clone(),
        }
    }

    fn credentials(
        &self,
        row: &TrunkRow,
        purpose: &'static str,
    ) -> Result<Option<Credentials>, String> {
        let Some(user) = row.user.clone() else { return Ok(None) };
        let password = self.parts.trunk_book.password(row, purpose);
        let password =
            password.map_err(|error| format!("its password cannot be opened: {error}"))?;
        Ok(password.map(|password| Credentials { user, password, realm: None }))
    }

    fn trunk_config(
        &self,
        row: &TrunkRow,
        local: SocketAddr,
        credentials: Option<Credentials>,
        challenge: Option<InviteChallenge>,
    ) -> UserAgentConfig {
        // Where the PBX reaches us when this connection is gone: the listener, if there is one.
        let (host, port) = match &self.parts.sip_address {
            Some((host, port)) => (host.clone(), *port),
            None => (Host::from(local.ip()), local.port()),
        };
        let user = row.user.as_deref().unwrap_or("ringfence");
        let mut contact = Uri::sip(Some(user), host.clone());
        contact.port = Some(port);
        contact.params.set("transport", "tls");
        UserAgentConfig {
            transport: Transport::Tls,
            sent_by: format!("{host}:{port}"),
            contact,
            product: PRODUCT.to_owned(),
            peer: PeerKind::Trunk,
            peer_uri: Some(Uri::sip(None, host_of(&row.uri.host))),
            credentials,
            challenge,
            transactions_max: limit::TRANSACTIONS_PER_LINK_MAX,
            dialogs_max: limit::CALLS_MAX,
            random: Random::system(),
        }
    }
}
