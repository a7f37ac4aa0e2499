//! Header names: canonical spelling and compact forms. RFC 3261 §7.3.3, §20 and the registry.

/// A name this program spells its own way: an index into [`NAMES`].
pub(super) type Known = u8;

/// Content-Length, which is computed when writing and never stored.
pub(super) const CONTENT_LENGTH: Known = known_or_zero("Content-Length");

/// Finds the canonical name for any spelling, compact form included.
pub(super) fn lookup(name: &str) -> Option<Known> {
    if let [letter] = name.as_bytes() {
        let full = COMPACT.iter().find(|(short, _)| *short == letter.to_ascii_lowercase())?.1;
        return lookup(full);
    }
    let start = STARTS.get(name.len()).copied()?;
    let end = STARTS.get(name.len().checked_add(1)?).copied()?;
    let candidates = NAMES.get(usize::from(start)..usize::from(end))?;
    let offset = candidates.iter().position(|known| known.eq_ignore_ascii_case(name))?;
    start.checked_add(u8::try_from(offset).ok()?)
}

/// Whether `name` is Content-Length in any spelling.
pub(in crate::sip) fn is_content_length(name: &str) -> bool {
    lookup(name) == Some(CONTENT_LENGTH)
}

/// The canonical spelling.
pub(super) fn spelling(known: Known) -> &'static str {
    NAMES.get(usize::from(known)).copied().unwrap_or_default()
}

/// The index of a name in canonical spelling, for constants; 0 stands for none (a test looks).
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, with indices in range")]
const fn known_or_zero(name: &str) -> Known {
    let mut index = 0;
    while index < NAMES.len() {
        let (a, b) = (NAMES[index].as_bytes(), name.as_bytes());
        let mut same = a.len() == b.len();
        let mut at = 0;
        while same && at < a.len() {
            same = a[at] == b[at];
            at += 1;
        }
        if same {
            return index as Known;
        }
        index += 1;
    }
    0
}

/// For each length, the index of the first name that is not shorter.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, with indices in range")]
const STARTS: [u8; LENGTH_MAX + 2] = {
    let mut starts = [0; LENGTH_MAX + 2];
    let mut length = 0;
    while length < starts.len() {
        let mut index = 0;
        while index < NAMES.len() && NAMES[index].len() < length {
            index += 1;
        }
        starts[length] = index as u8;
        length += 1;
    }
    starts
};

/// Length of the longest name.
const LENGTH_MAX: usize = 20;

/// Canonical names, shortest first: a look-up compares with those of its own length only.
const NAMES: [&str; 72] = [
    "To",
    "Via",
    "CSeq",
    "Date",
    "From",
    "Join",
    "Path",
    "RAck",
    "RSeq",
    "Allow",
    "Event",
    "Route",
    "Accept",
    "Min-SE",
    "Reason",
    "Server",
    "Call-ID",
    "Contact",
    "Expires",
    "Privacy",
    "Require",
    "Subject",
    "Warning",
    "Identity",
    "Priority",
    "Refer-To",
    "Replaces",
    "Reply-To",
    "SIP-ETag",
    "Call-Info",
    "Diversion",
    "Supported",
    "Timestamp",
    "Alert-Info",
    "Error-Info",
    "Session-ID",
    "User-Agent",
    "In-Reply-To",
    "Min-Expires",
    "Referred-By",
    "Retry-After",
    "Unsupported",
    "Allow-Events",
    "Content-Type",
    "History-Info",
    "MIME-Version",
    "Max-Forwards",
    "Organization",
    "Record-Route",
    "SIP-If-Match",
    "Authorization",
    "Identity-Info",
    "Proxy-Require",
    "Service-Route",
    "Accept-Contact",
    "Content-Length",
    "Reject-Contact",
    "Accept-Encoding",
    "Accept-Language",
    "Remote-Party-ID",
    "Session-Expires",
    "Content-Encoding",
    "Content-Language",
    "WWW-Authenticate",
    "Proxy-Authenticate",
    "Subscription-State",
    "Authentication-Info",
    "Content-Disposition",
    "P-Asserted-Identity",
    "Proxy-Authorization",
    "Request-Disposition",
    "P-Preferred-Identity",
];

/// Compact forms (RFC 3261 §7.3.3 and the extensions that registered one).
const COMPACT: [(u8, &str); 20] = [
    (b'a', "Accept-Contact"),
    (b'b', "Referred-By"),
    (b'c', "Content-Type"),
    (b'd', "Request-Disposition"),
    (b'e', "Content-Encoding"),
    (b'f', "From"),
    (b'i', "Call-ID"),
    (b'j', "Reject-Contact"),
    (b'k', "Supported"),
    (b'l', "Content-Length"),
    (b'm', "Contact"),
    (b'n', "Identity-Info"),
    (b'o', "Event"),
    (b'r', "Refer-To"),
    (b's', "Subject"),
    (b't', "To"),
    (b'u', "Allow-Events"),
    (b'v', "Via"),
    (b'x', "Session-Expires"),
    (b'y', "Identity"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_by_its_compact_form() {
        assert!(NAMES.is_sorted_by_key(|name| name.len()));
        for name in NAMES {
            let known = lookup(&name.to_uppercase()).unwrap();
            assert_eq!(spelling(known), name);
        }
        for (short, name) in COMPACT {
            let known = lookup(&char::from(short).to_string()).unwrap();
            assert_eq!(spelling(known), name);
        }
        assert_eq!(spelling(CONTENT_LENGTH), "Content-Length");
        assert_eq!(lookup("X-Anything"), None);
        assert_eq!(lookup(&"x".repeat(9000)), None);
        assert_eq!(lookup(""), None);
    }
}
