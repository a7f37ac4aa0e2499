//! Status codes and their usual reason phrases. RFC 3261 §21 and the IANA registry.

use std::fmt;

/// A response status, 100 to 699.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(u16);

impl StatusCode {
    /// 100
    pub const TRYING: Self = Self(100);
    /// 180
    pub const RINGING: Self = Self(180);
    /// 183
    pub const SESSION_PROGRESS: Self = Self(183);
    /// 200
    pub const OK: Self = Self(200);
    /// 202
    pub const ACCEPTED: Self = Self(202);
    /// 400
    pub const BAD_REQUEST: Self = Self(400);
    /// 401
    pub const UNAUTHORIZED: Self = Self(401);
    /// 403
    pub const FORBIDDEN: Self = Self(403);
    /// 404
    pub const NOT_FOUND: Self = Self(404);
    /// 405
    pub const METHOD_NOT_ALLOWED: Self = Self(405);
    /// 407
    pub const PROXY_AUTHENTICATION_REQUIRED: Self = Self(407);
    /// 408
    pub const REQUEST_TIMEOUT: Self = Self(408);
    /// 413
    pub const REQUEST_ENTITY_TOO_LARGE: Self = Self(413);
    /// 415
    pub const UNSUPPORTED_MEDIA_TYPE: Self = Self(415);
    /// 416
    pub const UNSUPPORTED_URI_SCHEME: Self = Self(416);
    /// 420
    pub const BAD_EXTENSION: Self = Self(420);
    /// 422
    pub const SESSION_INTERVAL_TOO_SMALL: Self = Self(422);
    /// 423
    pub const INTERVAL_TOO_BRIEF: Self = Self(423);
    /// 480
    pub const TEMPORARILY_UNAVAILABLE: Self = Self(480);
    /// 481
    pub const CALL_DOES_NOT_EXIST: Self = Self(481);
    /// 482
    pub const LOOP_DETECTED: Self = Self(482);
    /// 483
    pub const TOO_MANY_HOPS: Self = Self(483);
    /// 486
    pub const BUSY_HERE: Self = Self(486);
    /// 487
    pub const REQUEST_TERMINATED: Self = Self(487);
    /// 488
    pub const NOT_ACCEPTABLE_HERE: Self = Self(488);
    /// 491
    pub const REQUEST_PENDING: Self = Self(491);
    /// 500
    pub const SERVER_INTERNAL_ERROR: Self = Self(500);
    /// 501
    pub const NOT_IMPLEMENTED: Self = Self(501);
    /// 503
    pub const SERVICE_UNAVAILABLE: Self = Self(503);
    /// 505
    pub const VERSION_NOT_SUPPORTED: Self = Self(505);
    /// 603
    pub const DECLINE: Self = Self(603);

    /// A code of 100 to 699; anything else is no status.
    #[must_use]
    pub fn new(code: u16) -> Option<Self> {
        (100..=699).contains(&code).then_some(Self(code))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }

    /// The first digit, 1 to 6.
    #[must_use]
    pub fn class(self) -> u16 {
        self.0 / 100
    }

    /// 100 to 199.
    #[must_use]
    pub fn is_provisional(self) -> bool {
        self.0 < 200
    }

    /// 200 to 299.
    #[must_use]
    pub fn is_success(self) -> bool {
        self.class() == 2
    }

    /// 200 to 699.
    #[must_use]
    pub fn is_final(self) -> bool {
        self.0 >= 200
    }

    /// The usual reason phrase; that of the class for a code without one.
    #[must_use]
    pub fn reason(self) -> &'static str {
        let known = PHRASES.binary_search_by_key(&self.0, |(code, _)| *code);
        if let Some((_, phrase)) = known.ok().and_then(|index| PHRASES.get(index)) {
            return phrase;
        }
        match self.class() {
            1 => "Progress",
            2 => "OK",
            3 => "Redirected",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Global Failure",
        }
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Sorted by code.
const PHRASES: [(u16, &str); 75] = [
    (100, "Trying"),
    (180, "Ringing"),
    (181, "Call Is Being Forwarded"),
    (182, "Queued"),
    (183, "Session Progress"),
    (199, "Early Dialog Terminated"),
    (200, "OK"),
    (202, "Accepted"),
    (204, "No Notification"),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Moved Temporarily"),
    (305, "Use Proxy"),
    (380, "Alternative Service"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (408, "Request Timeout"),
    (410, "Gone"),
    (412, "Conditional Request Failed"),
    (413, "Request Entity Too Large"),
    (414, "Request-URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Unsupported URI Scheme"),
    (417, "Unknown Resource-Priority"),
    (420, "Bad Extension"),
    (421, "Extension Required"),
    (422, "Session Interval Too Small"),
    (423, "Interval Too Brief"),
    (424, "Bad Location Information"),
    (425, "Bad Alert Message"),
    (428, "Use Identity Header"),
    (429, "Provide Referrer Identity"),
    (430, "Flow Failed"),
    (433, "Anonymity Disallowed"),
    (436, "Bad Identity-Info"),
    (437, "Unsupported Certificate"),
    (438, "Invalid Identity Header"),
    (439, "First Hop Lacks Outbound Support"),
    (440, "Max-Breadth Exceeded"),
    (469, "Bad Info Package"),
    (470, "Consent Needed"),
    (480, "Temporarily Unavailable"),
    (481, "Call/Transaction Does Not Exist"),
    (482, "Loop Detected"),
    (483, "Too Many Hops"),
    (484, "Address Incomplete"),
    (485, "Ambiguous"),
    (486, "Busy Here"),
    (487, "Request Terminated"),
    (488, "Not Acceptable Here"),
    (489, "Bad Event"),
    (491, "Request Pending"),
    (493, "Undecipherable"),
    (494, "Security Agreement Required"),
    (500, "Server Internal Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Server Time-out"),
    (505, "Version Not Supported"),
    (513, "Message Too Large"),
    (555, "Push Notification Service Not Supported"),
    (580, "Precondition Failure"),
    (600, "Busy Everywhere"),
    (603, "Decline"),
    (604, "Does Not Exist Anywhere"),
    (606, "Not Acceptable"),
    (607, "Unwanted"),
    (608, "Rejected"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_100_to_699_is_a_status() {
        assert_eq!(
            [99, 100, 699, 700].map(|code| StatusCode::new(code).is_some()),
            [false, true, true, false]
        );
    }

    #[test]
    fn phrases_are_sorted_and_found() {
        assert!(PHRASES.is_sorted_by_key(|(code, _)| *code));
        assert_eq!(StatusCode::BUSY_HERE.reason(), "Busy Here");
        assert_eq!(StatusCode(299).reason(), "OK");
    }
}
