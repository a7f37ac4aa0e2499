//! Typed views of the values: parsed when asked for. RFC 3261 §20.

use super::{CSeq, Headers, NameAddr, Via};
use crate::sip::lex::{self, Cursor};
use crate::sip::{Malformed, Method};

impl Headers {
    /// The topmost Via.
    #[must_use]
    pub fn via(&self) -> Option<Via> {
        Via::read(&mut Cursor::new(self.get("Via")?)).ok()
    }

    /// Every Via in order, lists split. Empty when one is malformed.
    #[must_use]
    pub fn vias(&self) -> Vec<Via> {
        self.list("Via", Via::read).unwrap_or_default()
    }

    /// Replaces the topmost Via (to add `received` or `rport`), keeping the others.
    pub fn set_top_via(&mut self, via: &Via) {
        let mut values: Vec<String> = self.vias().iter().map(Via::to_string).collect();
        if let Some(top) = values.first_mut() {
            *top = via.to_string();
        }
        self.insert("Via", values.join(", "));
    }

    /// From.
    #[must_use]
    pub fn from_(&self) -> Option<NameAddr> {
        self.get("From")?.parse().ok()
    }

    /// To.
    #[must_use]
    pub fn to(&self) -> Option<NameAddr> {
        self.get("To")?.parse().ok()
    }

    /// Call-ID.
    #[must_use]
    pub fn call_id(&self) -> Option<&str> {
        self.get("Call-ID")
    }

    /// CSeq.
    #[must_use]
    pub fn cseq(&self) -> Option<CSeq> {
        self.get("CSeq")?.parse().ok()
    }

    /// Every Contact in order, lists split; none for `*`.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when one does not follow its grammar.
    pub fn contacts(&self) -> Result<Vec<NameAddr>, Malformed> {
        if self.contact_star() {
            return Ok(Vec::new());
        }
        self.list("Contact", NameAddr::read)
    }

    /// Whether the only Contact is `*`: remove all bindings.
    #[must_use]
    pub fn contact_star(&self) -> bool {
        let mut values = self.get_all("Contact");
        values.next() == Some("*") && values.next().is_none()
    }

    /// The Route set in order. Empty when one is malformed.
    #[must_use]
    pub fn route(&self) -> Vec<NameAddr> {
        self.list("Route", NameAddr::read).unwrap_or_default()
    }

    /// The Record-Route set in order. Empty when one is malformed.
    #[must_use]
    pub fn record_route(&self) -> Vec<NameAddr> {
        self.list("Record-Route", NameAddr::read).unwrap_or_default()
    }

    /// An address in any other header field, such as Refer-To or P-Asserted-Identity.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<NameAddr> {
        NameAddr::read(&mut Cursor::new(self.get(name)?)).ok()
    }

    /// Max-Forwards, 0 to 255.
    #[must_use]
    pub fn max_forwards(&self) -> Option<u8> {
        lex::saturating_u32(self.get("Max-Forwards")?)?.try_into().ok()
    }

    /// Expires, seconds; a number too large saturates.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        self.seconds("Expires")
    }

    /// A number of seconds at the start of a value, such as Retry-After, Min-SE, Session-Expires;
    /// parameters and comments behind it are ignored. A number too large saturates.
    #[must_use]
    pub fn seconds(&self, name: &str) -> Option<u32> {
        let mut cursor = Cursor::new(self.get(name)?);
        let digits = cursor.take_while(|byte| byte.is_ascii_digit());
        let is_whole = matches!(cursor.peek(), None | Some(b' ' | b'\t' | b';' | b'('));
        if is_whole { lex::saturating_u32(digits) } else { None }
    }

    /// The parameter `param` behind a value such as Session-Expires or Event.
    #[must_use]
    pub fn param(&self, name: &str, param: &str) -> Option<String> {
        let mut cursor = Cursor::new(self.get(name)?);
        cursor.take_while(|byte| byte != b';');
        let params = crate::sip::Params::read_header(&mut cursor).ok()?;
        params.get(param).map(str::to_owned)
    }

    /// The methods of Allow.
    #[must_use]
    pub fn allow(&self) -> Vec<Method> {
        self.tokens("Allow").filter_map(|token| token.parse().ok()).collect()
    }

    /// Whether Supported lists `tag`.
    #[must_use]
    pub fn is_supported(&self, tag: &str) -> bool {
        self.tokens("Supported").any(|token| token.eq_ignore_ascii_case(tag))
    }

    /// The option tags of Supported.
    #[must_use]
    pub fn supported(&self) -> Vec<&str> {
        self.tokens("Supported").collect()
    }

    /// The option tags of Require.
    #[must_use]
    pub fn require(&self) -> Vec<&str> {
        self.tokens("Require").collect()
    }

    /// The media type of Content-Type in lower case, without parameters.
    #[must_use]
    pub fn content_type(&self) -> Option<String> {
        let media_type = self.get("Content-Type")?.split(';').next()?;
        let part = media_type.chars().filter(|c| !matches!(c, ' ' | '\t'));
        Some(part.map(|c| c.to_ascii_lowercase()).collect())
    }

    /// The non-empty elements of a comma list of tokens.
    pub fn tokens<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let elements = self.get_all(name).flat_map(|value| value.split(','));
        elements.map(lex::trim).filter(|token| !token.is_empty())
    }

    /// Every element of a comma list of values, over all fields of `name`.
    fn list<T>(
        &self,
        name: &str,
        read: impl Fn(&mut Cursor<'_>) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let mut values = Vec::new();
        for value in self.get_all(name) {
            lex::walk_list(value, |cursor| {
                values.push(read(cursor)?);
                Ok(())
            })?;
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_over_commas_and_fields() {
        let mut headers = Headers::new();
        headers.push("Record-Route", "<sip:a;lr>, \"x, y\" <sip:b,c@d;lr>");
        headers.push("Record-Route", "<sip:e>");
        headers.push("Allow", "INVITE, ACK,,FOO");
        headers.push("k", "timer,Path");
        let hosts: Vec<_> = headers.record_route().iter().map(|r| r.uri.host.to_string()).collect();
        assert_eq!(hosts, ["a", "d", "e"]);
        assert_eq!(headers.allow(), [Method::Invite, Method::Ack, Method::Other("FOO".into())]);
        assert_eq!(headers.supported(), ["timer", "Path"]);
        assert!(headers.is_supported("path") && !headers.is_supported("outbound"));
        assert!(headers.require().is_empty());
    }

    #[test]
    fn numbers_of_seconds_may_have_something_behind_them() {
        let mut headers = Headers::new();
        headers.push("x", "90;refresher=uac");
        headers.push("Retry-After", "18000 (busy);duration=3600");
        headers.push("Min-SE", "1e3");
        headers.push("Expires", "4294967296");
        assert_eq!(headers.seconds("Session-Expires"), Some(90));
        assert_eq!(headers.param("Session-Expires", "refresher").as_deref(), Some("uac"));
        assert_eq!(headers.seconds("Retry-After"), Some(18000));
        assert_eq!(headers.seconds("Min-SE"), None);
        assert_eq!(headers.expires(), Some(u32::MAX));
    }

    #[test]
    fn the_top_via_is_replaced_alone() {
        let mut headers = Headers::new();
        headers.push("Via", "SIP/2.0/WS a.invalid;branch=z9hG4bK1, SIP/2.0/TLS b;branch=z9hG4bK2");
        headers.push("Via", "SIP/2.0/TLS c;branch=z9hG4bK3");
        let mut top = headers.via().unwrap();
        top.params.set("received", "192.0.2.1");
        headers.set_top_via(&top);
        let branches: Vec<_> =
            headers.vias().iter().filter_map(|via| via.branch().map(str::to_owned)).collect();
        assert_eq!(branches, ["z9hG4bK1", "z9hG4bK2", "z9hG4bK3"]);
        assert_eq!(headers.via(), Some(top));
    }

    #[test]
    fn a_star_contact_is_one_alone() {
        let mut headers = Headers::new();
        headers.push("Contact", "*");
        assert!(headers.contact_star() && headers.contacts().unwrap().is_empty());
        headers.push("Contact", "<sip:a>");
        assert!(!headers.contact_star() && headers.contacts().is_err());
    }
}
