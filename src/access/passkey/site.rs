//! Which site passkeys are for.

use std::net::IpAddr;

/// The relying party: passkeys are bound to its name, and made on its pages alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    host: String,
    origins: Vec<String>,
}

impl Site {
    /// The site of a host name and the origins of its pages. `None` for an address: browsers make
    /// passkeys for names only.
    #[must_use]
    pub fn new(host: &str, origins: Vec<String>) -> Option<Self> {
        let is_address = host.parse::<IpAddr>().is_ok() || host.contains([':', '[']);
        (!host.is_empty() && !is_address).then(|| Self { host: host.to_ascii_lowercase(), origins })
    }

    /// The relying party identifier.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether a page of exactly this origin is one of ours.
    #[must_use]
    pub fn has(&self, origin: &str) -> bool {
        self.origins.iter().any(|ours| ours == origin)
    }
}

#[cfg(test)]
mod tests {
    use super::Site;

    #[test]
    fn x07_a_site_has_a_name_and_exact_origins() {
        let site = Site::new("Phones.Example", vec!["https://phones.example".into()]).unwrap();
        assert_eq!(site.host(), "phones.example");
        assert!(site.has("https://phones.example"));
        for other in [
            "",
            "null",
            "http://phones.example",
            "https://phones.example:8443",
            "https://phones.example.evil",
            "https://a.phones.example",
            "https://phones.example/",
        ] {
            assert!(!site.has(other), "{other}");
        }
        for address in ["", "192.0.2.1", "::1", "[::1]"] {
            assert_eq!(Site::new(address, Vec::new()), None, "{address}");
        }
    }
}
