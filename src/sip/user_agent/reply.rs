//! A status with the headers that explain it.

use crate::sip::message::StatusCode;

/// What to answer to a request that is not a call's own business.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Reply {
    /// A status with one header.
    pub(super) fn with(status: StatusCode, name: &'static str, value: String) -> Self {
        Self { status, headers: vec![(name, value)] }
    }
}

impl From<StatusCode> for Reply {
    fn from(status: StatusCode) -> Self {
        Self { status, headers: Vec::new() }
    }
}
