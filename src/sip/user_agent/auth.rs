//! Digest on one flow: our answers to a PBX's challenges, and our challenge of its INVITEs.
//! RFC 3261 §22, RFC 7616.
//!
//! Only INVITE outside a dialog and REGISTER are ever answered for: a callee that challenges a
//! BYE would collect digests of our password ("SIP digest leak").

use super::reply::Reply;
use crate::base::{Secret, limit};
use crate::sip::digest::{
    ChallengedBy, Credentials, DigestClient, DigestError, DigestSecret, DigestServer, challenges,
    choose,
};
use crate::sip::message::{Request, Response};
use std::time::Instant;

/// Our side of digest: answers challenges, remembers the realm that took our password.
#[derive(Debug)]
pub(super) struct Authenticator {
    credentials: Credentials,
}

/// The challenges answered for one request so far.
#[derive(Debug, Default)]
pub(super) struct AuthAttempts {
    answered: Vec<Answered>,
}

#[derive(Debug)]
struct Answered {
    by: ChallengedBy,
    realm: String,
    nonce: String,
}

impl Authenticator {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }

    /// Puts answers to the challenges of `response` into `request`. `None` when there is nothing
    /// to answer, or it was answered in vain.
    pub(super) fn answer(
        &self,
        attempts: &mut AuthAttempts,
        request: &mut Request,
        response: &Response,
        random: [u8; 16],
    ) -> Option<()> {
        if !matches!(response.status.get(), 401 | 407) {
            return None;
        }
        let mut is_answered = false;
        // A 407 may carry the server's challenge too (INTEROP case 49).
        for by in [ChallengedBy::Server, ChallengedBy::Proxy] {
            let offered = challenges(&response.headers, by);
            let realm = self.credentials.realm.as_deref();
            let Some(challenge) = choose(&offered, realm) else { continue };
            if !attempts.may_answer(by, &challenge.realm, &challenge.nonce, challenge.is_stale) {
                continue;
            }
            let mut client = DigestClient::new(challenge.clone(), random);
            let value = client.authorize(&self.credentials, &request.method, &request.uri)?;
            request.headers.insert(by.answer_header(), value);
            attempts.answered.push(Answered {
                by,
                realm: challenge.realm.clone(),
                nonce: challenge.nonce.clone(),
            });
            is_answered = true;
        }
        is_answered.then_some(())
    }

    /// Pins the realm that took our password: from now on no other gets an answer.
    pub(super) fn note_success(&mut self, attempts: &AuthAttempts) {
        if let (None, Some(last)) = (&self.credentials.realm, attempts.answered.last()) {
            self.credentials.realm = Some(last.realm.clone());
        }
    }
}

impl AuthAttempts {
    /// Once per nonce; a second nonce only when the first was stale, else the password is wrong.
    fn may_answer(&self, by: ChallengedBy, realm: &str, nonce: &str, is_stale: bool) -> bool {
        let is_repeated = self
            .answered
            .iter()
            .any(|one| one.by == by && (one.nonce == nonce || one.realm == realm && !is_stale));
        !is_repeated && self.answered.len() < limit::CHALLENGES_MAX
    }
}

/// Demands digest on the INVITEs of a peer that is not known by its certificate.
#[derive(Debug)]
pub struct InviteChallenge {
    /// Issues and verifies nonces.
    pub server: DigestServer,
    /// The only user.
    pub user: String,
    /// Its password.
    pub password: Secret,
}

impl InviteChallenge {
    /// Verifies a request, or says what to answer.
    pub(super) fn check(
        &mut self,
        now: Instant,
        binding: &[u8],
        random: u64,
        request: &Request,
    ) -> Result<(), Reply> {
        let Self { server, user, password } = self;
        let secret =
            |asked: &str| (asked == user).then(|| DigestSecret::Password(password.clone()));
        let error = match server.verify(now, binding, request, |asked, _| secret(asked)) {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let by = server.challenged_by();
        let mut reply = Reply::from(error.status(by));
        if error != DigestError::Malformed {
            let values = server.challenges(now, binding, random.to_be_bytes(), error);
            reply.headers.extend(values.map(|value| (by.challenge_header(), value)));
        }
        Err(reply)
    }
}
