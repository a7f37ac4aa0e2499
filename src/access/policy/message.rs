//! SIP requests of phones: what each needs (requirements B30, K13).

use super::Permission;
use crate::sip::message::Method;

/// A kind of request that a phone's socket carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// REGISTER.
    Register,
    /// INVITE outside a dialog: a call.
    Call,
    /// Everything inside a dialog that its owner may do: ACK, BYE, CANCEL, INFO, UPDATE, re-INVITE.
    InCall,
    /// OPTIONS.
    Options,
}

impl Message {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Register, Self::Call, Self::InCall, Self::Options];

    /// The kind of a request outside a dialog; `None` is refused (405).
    #[must_use]
    pub fn of(method: &Method) -> Option<Self> {
        match method {
            Method::Register => Some(Self::Register),
            Method::Invite => Some(Self::Call),
            Method::Ack | Method::Bye | Method::Cancel | Method::Info | Method::Update => {
                Some(Self::InCall)
            }
            Method::Options => Some(Self::Options),
            _ => None,
        }
    }

    /// Its name in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "REGISTER",
            Self::Call => "INVITE",
            Self::InCall => "in-dialog",
            Self::Options => "OPTIONS",
        }
    }

    /// What it needs; `None` needs nothing but a socket.
    #[must_use]
    pub fn permission(self) -> Option<Permission> {
        match self {
            Self::Register | Self::Call => Some(Permission::UsePhone),
            Self::InCall | Self::Options => None,
        }
    }
}
