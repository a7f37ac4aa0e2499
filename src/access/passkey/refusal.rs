//! Why a passkey is not accepted.

/// Why a passkey is not accepted. For the log: peers are told one sentence for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyRefusal {
    /// Not in the form of the standard, or longer than it may be.
    #[error("the {0} cannot be read")]
    Malformed(&'static str),
    /// Made for something else: a registration shown as a sign-in, or the other way round.
    #[error("it was made for something else")]
    Ceremony,
    /// Not the answer to what was asked, or asked too long ago, or answered before.
    #[error("the challenge is another one, used or too old")]
    Challenge,
    /// Made on a page of somebody else, or inside one.
    #[error("it was made on another site's page")]
    Origin,
    /// Made for another site.
    #[error("it belongs to another site")]
    Site,
    /// Nobody touched the authenticator.
    #[error("nobody was there to confirm it")]
    Presence,
    /// A kind of key that is not used here.
    #[error("its kind of key is not used here")]
    Algorithm,
    /// Somebody's passkey already.
    #[error("it is registered already")]
    Registered,
    /// None of the person's passkeys.
    #[error("it is none of this person's passkeys")]
    Unknown,
    /// Not signed by the key that was registered.
    #[error("its signature is wrong")]
    Signature,
    /// The counter of its signatures went back or stood still: there is a copy of it.
    #[error("its counter went back: it may have been copied")]
    Counter,
}
