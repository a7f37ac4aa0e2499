//! Identities. Those that a person or a URL may see are random 128-bit values; those that live
//! only inside one process are counters.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A call, as shown in logs, events and URLs: a random UUID (RFC 9562 version 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(uuid::Uuid);

impl CallId {
    /// A fresh one.
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4())
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! process_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// The next one; never repeats within a process.
            #[must_use]
            pub fn next() -> Self {
                static NEXT: AtomicU64 = AtomicU64::new(1);
                Self(NEXT.fetch_add(1, Ordering::Relaxed))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

process_id!(
    /// One side of a call, in signalling: unique within a process.
    LegId
);
process_id!(
    /// One side of a call, in a media worker: unique within a process.
    MediaId
);
