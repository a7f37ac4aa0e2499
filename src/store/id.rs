//! Identities of stored rows: random 128-bit values (RFC 9562 version 4), never sequential, never
//! a secret.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A text that is no identity, or not in its one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct NotAnId;

/// An identity as its 16 stored bytes.
pub(super) trait RowId: Sized {
    /// From stored bytes; `None` unless there are exactly 16.
    fn from_slice(bytes: &[u8]) -> Option<Self>;
}

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh one.
            #[must_use]
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }

            /// The raw 16 bytes, as stored and as bound into sealed values.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// From stored bytes; `None` unless there are exactly 16.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                Uuid::from_slice(bytes).ok().map(Self)
            }
        }

        impl RowId for $name {
            fn from_slice(bytes: &[u8]) -> Option<Self> {
                Self::from_slice(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            /// Only the hyphenated lower-case form, so that one id has one spelling.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let id = Uuid::try_parse(text).map_err(|_| NotAnId)?;
                let mut buffer = Uuid::encode_buffer();
                let canonical: &str = id.hyphenated().encode_lower(&mut buffer);
                if canonical == text { Ok(Self(id)) } else { Err(NotAnId) }
            }
        }
    };
}

row_id!(
    /// A person who signs in.
    UserId
);
row_id!(
    /// One sign-in of one person on one device; the `sid` of its tokens.
    SessionId
);
row_id!(
    /// A company, or a part of one, that shares nothing with the others.
    WorkspaceId
);
row_id!(
    /// A phone number that people of a workspace call from.
    NumberId
);
row_id!(
    /// An invitation by mail.
    InviteId
);
row_id!(
    /// A key for programs.
    ApiKeyId
);
row_id!(
    /// A passkey.
    PasskeyId
);
row_id!(
    /// A row of the login history, of inquiries, of calls or of secrets.
    RecordId
);
row_id!(
    /// A PBX or carrier that calls go out to and come in from.
    TrunkId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_text_and_bytes_and_has_one_spelling() {
        let id = UserId::random();
        assert_eq!(id.to_string().parse::<UserId>().unwrap(), id);
        assert_eq!(UserId::from_slice(id.as_bytes()), Some(id));
        assert!(id.to_string().to_uppercase().parse::<UserId>().is_err());
        assert!(id.to_string().replace('-', "").parse::<UserId>().is_err());
    }
}
