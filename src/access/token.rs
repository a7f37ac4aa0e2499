//! Session tokens: JWT, HS256 only, at most 10 minutes, checked without a database read.
//!
//! RFC 7519 and 8725. The header must hold exactly `alg`, `typ` and `kid`; nothing in it is
//! followed or looked up but the key's name. Every claim is required, typed and known; a member
//! that is unknown or there twice is refused. The signature is `jsonwebtoken`'s, the rules are
//! here, because the header has to be judged before the key and the times by our clock.

use std::borrow::Cow;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::{Deserialize, Serialize};

use super::principal::{Level, Principal, Proof, Role, SessionId, UserId, WorkspaceId};
use super::revocation::Revocations;
use super::rights::RightsTable;
use crate::base::{Clock, Secret, UnixTime, limit};
use crate::vault::{SessionTokenKey, SessionTokenKeys};

/// Signs and checks session tokens.
pub struct Tokens {
    clock: Clock,
    issuer: String,
    keys: ArcSwap<Keys>,
    revocations: Revocations,
    rights: RightsTable,
}

/// The keys in use.
struct Keys {
    active: Key,
    previous: Option<Key>,
}

/// One key, as the library wants it.
struct Key {
    /// The `kid`.
    name: String,
    /// The header of its tokens, encoded.
    header: String,
    signing: EncodingKey,
    checking: DecodingKey,
}

/// A token just signed.
#[derive(Clone, Debug)]
pub struct Minted {
    /// The token.
    pub token: Secret,
    /// Seconds until it expires.
    pub expires_in: u64,
}

/// Why a token was refused. Peers are told 401 and no more than [`TokenError::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours: form, header, signature, claims, issuer or audience.
    #[error("the token is not valid")]
    Invalid,
    /// Past its time.
    #[error("the token has expired; get a new one")]
    Expired,
    /// Its session ended.
    #[error("the session has ended; sign in again")]
    SessionEnded,
    /// It could not be signed.
    #[error("tokens cannot be signed")]
    Unavailable,
}

impl TokenError {
    /// A stable word.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid => "token_invalid",
            Self::Expired => "token_expired",
            Self::SessionEnded => "session_ended",
            Self::Unavailable => "unavailable",
        }
    }
}

const TYPE: &str = "rf-at+jwt";
const AUDIENCE: &str = "rf-api";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictHeader<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    typ: Cow<'a, str>,
    #[serde(borrow)]
    kid: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    aud: Cow<'a, str>,
    #[serde(borrow)]
    sub: Cow<'a, str>,
    #[serde(borrow)]
    ws: Cow<'a, str>,
    #[serde(borrow)]
    sid: Cow<'a, str>,
    #[serde(borrow)]
    jti: Cow<'a, str>,
    iat: u64,
    nbf: u64,
    exp: u64,
    lvl: u8,
    #[serde(borrow)]
    rol: Cow<'a, str>,
    hom: bool,
    #[serde(borrow)]
    num: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

impl Tokens {
    pub(super) fn new(
        clock: Clock,
        issuer: String,
        keys: &SessionTokenKeys,
        revocations: Revocations,
        rights: RightsTable,
    ) -> Self {
        let keys = ArcSwap::from_pointee(Keys::new(keys));
        Self { clock, issuer, keys, revocations, rights }
    }

    /// Takes other keys into use: after a rotation, by whichever process.
    pub(super) fn set_keys(&self, keys: &SessionTokenKeys) {
        let known = self.keys.load();
        let is_known = known.active.name == keys.active.id.to_string()
            && known.previous.is_some() == keys.previous.is_some();
        if !is_known {
            self.keys.store(Arc::new(Keys::new(keys)));
        }
    }

    /// Signs a token for a principal.
    ///
    /// # Errors
    /// The library failed.
    pub fn mint(&self, principal: &Principal) -> Result<Minted, TokenError> {
        let now = self.clock.unix();
        let expires_in = limit::TOKEN_LIFE_MAX.as_secs();
        let claims = Claims {
            iss: Cow::Borrowed(&self.issuer),
            aud: Cow::Borrowed(AUDIENCE),
            sub: principal.user_id.to_string().into(),
            ws: principal.workspace_id.to_string().into(),
            sid: principal.session_id.to_string().into(),
            jti: uuid::Uuid::new_v4().simple().to_string().into(),
            iat: now.0,
            nbf: now.0,
            exp: now.plus(limit::TOKEN_LIFE_MAX).0,
            lvl: principal.level.get(),
            rol: Cow::Borrowed(principal.role.as_str()),
            hom: principal.at_home,
            num: Cow::Borrowed(&principal.number),
            name: Cow::Borrowed(&principal.name),
        };
        let keys = self.keys.load();
        let token = jsonwebtoken::encode(&keys.active.to_header(), &claims, &keys.active.signing)
            .map_err(|_| TokenError::Unavailable)?;
        Ok(Minted { token: Secret::new(token), expires_in })
    }

    /// Whose token this is, if it is good now and its session has not ended.
    ///
    /// # Errors
    /// It is not; peers are answered 401.
    pub fn check(&self, token: &str) -> Result<Principal, TokenError> {
        if token.len() > limit::TOKEN_BYTES_MAX {
            return Err(TokenError::Invalid);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Invalid)?;
        let (header, claims) = message.split_once('.').ok_or(TokenError::Invalid)?;
        let keys = self.keys.load();
        let key = keys.of_header(header)?;
        let is_signed = jsonwebtoken::crypto::verify(
            signature,
            message.as_bytes(),
            &key.checking,
            Algorithm::HS256,
        );
        if !is_signed.unwrap_or(false) {
            return Err(TokenError::Invalid);
        }
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| TokenError::Invalid)?;
        let claims: Claims<'_> =
            serde_json::from_slice(&claims).map_err(|_| TokenError::Invalid)?;
        let mut principal = self.judge(&claims)?;
        self.rights.lower(&mut principal);
        if self.revocations.is_ended(principal.session_id) {
            return Err(TokenError::SessionEnded);
        }
        Ok(principal)
    }

    fn judge(&self, claims: &Claims<'_>) -> Result<Principal, TokenError> {
        let now = self.clock.unix();
        let soon = now.plus(limit::TOKEN_CLOCK_SKEW).0;
        let is_ours = claims.iss == self.issuer && claims.aud == AUDIENCE;
        let is_timely = claims.iat <= soon
            && claims.nbf <= soon
            && claims.iat <= claims.exp
            && claims.exp - claims.iat <= limit::TOKEN_LIFE_MAX.as_secs();
        let is_named = (1..=64).contains(&claims.jti.len());
        if !(is_ours && is_timely && is_named) {
            return Err(TokenError::Invalid);
        }
        if UnixTime(claims.exp) <= now {
            return Err(TokenError::Expired);
        }
        let level = match claims.lvl {
            0 => Level::NONE,
            level => Level::new(level).ok_or(TokenError::Invalid)?,
        };
        Ok(Principal {
            user_id: claims.sub.parse::<UserId>().map_err(|_| TokenError::Invalid)?,
            workspace_id: claims.ws.parse::<WorkspaceId>().map_err(|_| TokenError::Invalid)?,
            session_id: claims.sid.parse::<SessionId>().map_err(|_| TokenError::Invalid)?,
            name: Arc::from(claims.name.as_ref()),
            number: Arc::from(claims.num.as_ref()),
            level,
            role: Role::from_word(&claims.rol).ok_or(TokenError::Invalid)?,
            at_home: claims.hom,
            proof: Proof::Token,
        })
    }
}

impl Keys {
    fn new(keys: &SessionTokenKeys) -> Self {
        Self { active: Key::new(&keys.active), previous: keys.previous.as_ref().map(Key::new) }
    }

    /// The key that an encoded header names, if all of the header is as we write it.
    fn of_header(&self, header: &str) -> Result<&Key, TokenError> {
        let mut keys = [Some(&self.active), self.previous.as_ref()].into_iter().flatten();
        // Byte by byte as we write it, which it nearly always is.
        if let Some(key) = keys.clone().find(|key| key.header == header) {
            return Ok(key);
        }
        let mut bytes = [0; HEADER_BYTES_MAX];
        let length =
            URL_SAFE_NO_PAD.decode_slice(header, &mut bytes).map_err(|_| TokenError::Invalid)?;
        let bytes = bytes.get(..length).ok_or(TokenError::Invalid)?;
        let header: StrictHeader<'_> =
            serde_json::from_slice(bytes).map_err(|_| TokenError::Invalid)?;
        let is_ours = header.alg == "HS256" && header.typ == TYPE;
        let key = keys.find(|key| is_ours && key.name == header.kid);
        key.ok_or(TokenError::Invalid)
    }
}

impl Key {
    fn new(key: &SessionTokenKey) -> Self {
        let mut new = Self {
            name: key.id.to_string(),
            header: String::new(),
            signing: EncodingKey::from_secret(key.key.as_ref()),
            checking: DecodingKey::from_secret(key.key.as_ref()),
        };
        let written = serde_json::to_vec(&new.to_header()).unwrap_or_default();
        new.header = URL_SAFE_NO_PAD.encode(written);
        new
    }

    fn to_header(&self) -> Header {
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(TYPE.into());
        header.kid = Some(self.name.clone());
        header
    }
}

/// A header of ours is 40 bytes; more than this is somebody else's.
const HEADER_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::rights::RightsNow;
    use serde_json::{Value, json};
    use std::time::Duration;

    const KEY: [u8; 32] = *b"0123456789abcdefghijklmnopqrstuv";
    const NOW: u64 = 1_000_000;

    fn tokens() -> (Tokens, Clock) {
        let clock = Clock::manual(UnixTime(NOW));
        (tokens_with(&clock, &keys(1, None)), clock)
    }

    fn tokens_with(clock: &Clock, keys: &SessionTokenKeys) -> Tokens {
        let (revocations, rights) = (Revocations::default(), RightsTable::default());
        Tokens::new(clock.clone(), "here".into(), keys, revocations, rights)
    }

    fn keys(active: u32, previous: Option<u32>) -> SessionTokenKeys {
        let key = |id: u32| {
            let mut key = KEY;
            key[31] = key[31].wrapping_add(u8::try_from(id - 1).unwrap());
            SessionTokenKey { id, key: key.into() }
        };
        SessionTokenKeys { active: key(active), previous: previous.map(key) }
    }

    fn somebody() -> Principal {
        Principal {
            user_id: UserId::random(),
            workspace_id: WorkspaceId::random(),
            name: "Agent \"A\" \u{1f511}".into(),
            number: "1001".into(),
            level: Level::AGENT,
            role: Role::Admin,
            at_home: true,
            session_id: SessionId::random(),
            proof: Proof::Token,
        }
    }

    fn header() -> Value {
        json!({"alg": "HS256", "typ": TYPE, "kid": "1"})
    }

    fn claims() -> Value {
        json!({
            "iss": "here", "aud": "rf-api", "sub": UserId::random().to_string(),
            "sid": SessionId::random().to_string(), "jti": "j", "iat": NOW, "nbf": NOW,
            "exp": NOW + 600, "lvl": 1, "num": "1001", "name": "A", "rol": "member",
            "hom": false, "ws": WorkspaceId::random().to_string(),
        })
    }

    fn sign_text(header: &str, claims: &str, key: &[u8]) -> String {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        let message = format!("{header}.{claims}");
        let key = EncodingKey::from_secret(key);
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    }

    fn sign(header: &Value, claims: &Value) -> String {
        sign_text(&header.to_string(), &claims.to_string(), &KEY)
    }

    fn with(mut object: Value, name: &str, value: Value) -> Value {
        object.as_object_mut().unwrap().insert(name.into(), value);
        object
    }

    fn without(mut object: Value, name: &str) -> Value {
        object.as_object_mut().unwrap().remove(name);
        object
    }

    #[test]
    fn a_token_gives_back_its_principal() {
        let (tokens, _) = tokens();
        let principal = somebody();
        let minted = tokens.mint(&principal).unwrap();
        assert_eq!(
            minted.token.expose().split('.').next().unwrap(),
            tokens.keys.load().active.header
        );
        assert_eq!(minted.expires_in, 600);
        assert_eq!(tokens.check(minted.token.expose()).unwrap(), principal);
        assert!(tokens.check(&sign(&header(), &claims())).is_ok(), "the forger works");
    }

    #[test]
    fn b31_sec_a01_no_algorithm_is_no_token() {
        let (tokens, _) = tokens();
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let header = with(header(), "alg", alg.into());
            let token = sign(&header, &claims());
            let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
            for token in [token, unsigned] {
                assert_eq!(tokens.check(&token), Err(TokenError::Invalid), "{alg}");
            }
        }
        let token = sign(&header(), &claims());
        let unsigned = token.rsplit_once('.').unwrap().0;
        for token in [format!("{unsigned}."), unsigned.to_string(), String::new(), "..".into()] {
            assert_eq!(tokens.check(&token), Err(TokenError::Invalid));
        }
    }

    #[test]
    fn b31_sec_a02_other_algorithms_and_other_keys_are_refused() {
        let (tokens, _) = tokens();
        for alg in ["HS384", "HS512", "RS256", "ES256", "EdDSA", "hs256"] {
            let token = sign(&with(header(), "alg", alg.into()), &claims());
            assert_eq!(tokens.check(&token), Err(TokenError::Invalid), "{alg}");
        }
        for key in [&[0; 32][..], b"", b"secret", &KEY[..31]] {
            let token = sign_text(&header().to_string(), &claims().to_string(), key);
            assert_eq!(tokens.check(&token), Err(TokenError::Invalid));
        }
    }

    #[test]
    fn sec_a03_a_key_name_is_only_ever_compared() {
        let (tokens, _) = tokens();
        let long = "k".repeat(64 * 1024);
        for kid in ["../../dev/null", "' OR 1=1", "", "2", long.as_str()] {
            let token = sign(&with(header(), "kid", kid.into()), &claims());
            assert_eq!(tokens.check(&token), Err(TokenError::Invalid));
        }
        assert_eq!(
            tokens.check(&sign(&without(header(), "kid"), &claims())),
            Err(TokenError::Invalid)
        );
    }

    #[test]
    fn sec_a04_every_claim_is_required_typed_known_and_there_once() {
        let (tokens, _) = tokens();
        let names: Vec<String> = claims().as_object().unwrap().keys().cloned().collect();
        assert_eq!(names.len(), 14);
        for name in &names {
            let missing = sign(&header(), &without(claims(), name));
            assert_eq!(tokens.check(&missing), Err(TokenError::Invalid), "no {name}");
            let good = claims()[name].clone();
            let other = if good.is_string() { json!(7) } else { json!(good.to_string()) };
            for bad in
                [other, json!(null), json!([good]), json!({"a": good}), json!(-1), json!(1.5)]
            {
                let token = sign(&header(), &with(claims(), name, bad.clone()));
                assert_eq!(tokens.check(&token), Err(TokenError::Invalid), "{name} {bad}");
            }
            let text = claims().to_string();
            let rest = text.strip_prefix('{').unwrap();
            let twice = format!("{{\"{name}\":{good},{rest}");
            let token = sign_text(&header().to_string(), &twice, &KEY);
            assert_eq!(tokens.check(&token), Err(TokenError::Invalid), "{name} twice");
        }
        let huge = claims().to_string().replace("1000600", "1e400");
        assert!(tokens.check(&sign_text(&header().to_string(), &huge, &KEY)).is_err());
        let more = with(claims(), "admin", json!(true));
        assert!(tokens.check(&sign(&header(), &more)).is_err());
        for level in [10, 255, 256] {
            assert!(tokens.check(&sign(&header(), &with(claims(), "lvl", json!(level)))).is_err());
        }
        let nothing = tokens.check(&sign(&header(), &with(claims(), "lvl", json!(0)))).unwrap();
        assert_eq!(nothing.level, Level::NONE);
    }

    #[test]
    fn sec_a05_a_header_that_points_anywhere_is_refused() {
        let (tokens, _) = tokens();
        for name in ["jku", "x5u", "jwk", "crit", "x5c", "cty", "zip"] {
            let token = sign(&with(header(), name, json!("http://127.0.0.1:9/k")), &claims());
            assert_eq!(tokens.check(&token), Err(TokenError::Invalid), "{name}");
        }
        let twice = r#"{"alg":"none","alg":"HS256","typ":"rf-at+jwt","kid":"1"}"#;
        let token = sign_text(twice, &claims().to_string(), &KEY);
        assert_eq!(tokens.check(&token), Err(TokenError::Invalid));
    }

    #[test]
    fn sec_a06_sec_a07_another_kind_audience_or_issuer_is_refused() {
        let (tokens, _) = tokens();
        for typ in ["JWT", "rf-rec+jwt", "RF-AT+JWT", ""] {
            let token = sign(&with(header(), "typ", typ.into()), &claims());
            assert_eq!(tokens.check(&token), Err(TokenError::Invalid), "{typ}");
        }
        for (name, value) in [("aud", "rf-rec"), ("aud", ""), ("iss", "there"), ("iss", "here ")] {
            let token = sign(&header(), &with(claims(), name, value.into()));
            assert_eq!(tokens.check(&token), Err(TokenError::Invalid), "{name}");
        }
    }

    #[test]
    fn sec_a08_times_are_judged_to_the_second() {
        let (tokens, clock) = tokens();
        let at = |iat: u64, nbf: u64, exp: u64| {
            let claims = with(with(claims(), "iat", json!(iat)), "nbf", json!(nbf));
            tokens.check(&sign(&header(), &with(claims, "exp", json!(exp)))).err()
        };
        assert_eq!(at(NOW - 10, NOW - 10, NOW + 1), None);
        assert_eq!(at(NOW - 10, NOW - 10, NOW), Some(TokenError::Expired));
        assert_eq!(at(NOW - 10, NOW - 10, NOW - 1), Some(TokenError::Expired));
        assert_eq!(at(NOW + 5, NOW + 5, NOW + 100), None);
        assert_eq!(at(NOW + 6, NOW, NOW + 100), Some(TokenError::Invalid));
        assert_eq!(at(NOW, NOW + 6, NOW + 100), Some(TokenError::Invalid));
        assert_eq!(at(NOW, NOW, NOW + 601), Some(TokenError::Invalid), "too long a life");
        assert_eq!(at(NOW, NOW, NOW - 1), Some(TokenError::Invalid), "backwards");
        assert_eq!(at(u64::MAX, NOW, u64::MAX), Some(TokenError::Invalid));
        let token = tokens.mint(&somebody()).unwrap().token;
        clock.advance(Duration::from_secs(599));
        assert!(tokens.check(token.expose()).is_ok());
        clock.advance(Duration::from_secs(1));
        assert_eq!(tokens.check(token.expose()), Err(TokenError::Expired));
    }

    #[test]
    fn sec_a09_a_token_carries_no_more_than_it_needs() {
        let (tokens, _) = tokens();
        let token = tokens.mint(&somebody()).unwrap().token;
        let claims = token.expose().split('.').nth(1).unwrap();
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        let names: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "aud", "exp", "hom", "iat", "iss", "jti", "lvl", "name", "nbf", "num", "rol",
                "sid", "sub", "ws"
            ]
        );
    }

    #[test]
    fn sec_a10_a_token_dies_with_its_session() {
        let (tokens, _) = tokens();
        let principal = somebody();
        let token = tokens.mint(&principal).unwrap().token;
        tokens.revocations.note(principal.session_id, UnixTime(NOW));
        assert_eq!(tokens.check(token.expose()), Err(TokenError::SessionEnded));
    }

    #[test]
    fn sec_a27_a_token_counts_for_no_more_than_its_person_may_do_now() {
        let (tokens, _) = tokens();
        let principal = Principal { level: Level::ADMIN, ..somebody() };
        let token = tokens.mint(&principal).unwrap().token;
        let note = |level, role| {
            let (ws, user) = (principal.workspace_id, principal.user_id);
            tokens.rights.note(
                ws,
                user,
                RightsNow { level, role, number: None, at: UnixTime(NOW) },
            );
            let now = tokens.check(token.expose()).unwrap();
            (now.level, now.role)
        };
        assert_eq!(note(Level::AGENT, Role::Member), (Level::AGENT, Role::Member));
        assert_eq!(note(Level::ADMIN, Role::Owner), (Level::ADMIN, Role::Admin), "never more");
        assert_eq!(note(Level::NONE, Role::Member).0, Level::NONE);
        let other = tokens.mint(&Principal { user_id: UserId::random(), ..principal.clone() });
        let other = tokens.check(other.unwrap().token.expose()).unwrap();
        assert_eq!(other.level, Level::ADMIN, "somebody else");
        tokens.rights.forget_old(UnixTime(NOW + 700));
        assert_eq!(tokens.check(token.expose()).unwrap().level, Level::ADMIN);
    }

    #[test]
    fn sec_a27_a_token_is_of_the_number_its_person_has_now() {
        let (tokens, _) = tokens();
        let principal = somebody();
        let token = tokens.mint(&principal).unwrap().token;
        let (level, role, number) = (principal.level, principal.role, Some("1911".into()));
        let now = RightsNow { level, role, number, at: UnixTime(NOW) };
        let mut heard = tokens.rights.subscribe();
        for _ in 0..2 {
            tokens.rights.note(principal.workspace_id, principal.user_id, now.clone());
        }
        assert_eq!(heard.try_recv().unwrap().user_id, principal.user_id);
        assert!(heard.try_recv().is_err(), "told once");
        assert_eq!(&*tokens.check(token.expose()).unwrap().number, "1911");
    }

    #[test]
    fn tokens_of_the_previous_key_are_good_until_it_retires() {
        let clock = Clock::manual(UnixTime(NOW));
        let tokens = tokens_with(&clock, &keys(1, None));
        let old = tokens.mint(&somebody()).unwrap().token;
        tokens.set_keys(&keys(2, Some(1)));
        let new = tokens.mint(&somebody()).unwrap().token;
        assert!(tokens.check(old.expose()).is_ok() && tokens.check(new.expose()).is_ok());
        tokens.set_keys(&keys(2, None));
        assert_eq!(tokens.check(old.expose()), Err(TokenError::Invalid));
        assert!(tokens.check(new.expose()).is_ok());
        let header = with(header(), "kid", "2".into());
        assert!(tokens.check(&sign(&header, &claims())).is_err(), "another key's name");
    }

    #[test]
    fn a_flipped_bit_or_a_longer_text_is_refused() {
        let (tokens, _) = tokens();
        let token = tokens.mint(&somebody()).unwrap().token;
        let bytes = token.expose().as_bytes();
        for at in 0..bytes.len() {
            let mut other = bytes.to_vec();
            other[at] ^= 1;
            let refused = String::from_utf8(other).map(|other| tokens.check(&other));
            assert!(refused.is_ok_and(|checked| checked.is_err()), "byte {at}");
        }
        for more in ["=", ".", " ", "A", &"a".repeat(limit::TOKEN_BYTES_MAX)] {
            assert!(tokens.check(&format!("{}{more}", token.expose())).is_err(), "{more:.3}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_check_panic(text in ".{0,200}", dots in "[a-zA-Z0-9_.-]{0,200}") {
            let (tokens, _) = tokens();
            assert!(tokens.check(&text).is_err() && tokens.check(&dots).is_err());
        }
    }
}
