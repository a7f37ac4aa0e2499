//! What a `User-Agent` header says, in the few words a person recognises their device by (C3).
//!
//! A label, nothing more: the header is whatever the client likes to send, and no rule hangs on it.

/// A client in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAgent {
    /// Name and major version, such as `Firefox 131`.
    pub browser: String,
    /// Operating system.
    pub system: &'static str,
    /// Kind of machine.
    pub device: &'static str,
}

/// Bytes of the header looked at.
const BYTES_MAX: usize = 512;
/// Digits of a version that are shown.
const VERSION_DIGITS_MAX: usize = 5;
const UNKNOWN: &str = "Unknown";

/// What follows the mark is the version. Order matters: Chromium browsers all say `Chrome` and
/// `Safari`, and name themselves besides.
const BROWSERS: [(&str, &str); 24] = [
    ("Ringfence/", "Ringfence"),
    ("JsSIP ", "JsSIP"),
    ("SIP.js/", "SIP.js"),
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Electron/", "Electron"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("curl/", "curl"),
    ("Wget/", "Wget"),
    ("python-requests/", "Python"),
    ("Python/", "Python"),
    ("node-fetch/", "Node.js"),
    ("PostmanRuntime/", "Postman"),
    ("okhttp/", "OkHttp"),
];

/// Programs: no person sits in front of them.
const PROGRAMS: [&str; 7] = ["curl", "Wget", "Python", "Node.js", "Postman", "OkHttp", "Go"];

/// Order matters: Android says `Linux` too, and iPads and iPhones `like Mac OS X`.
const SYSTEMS: [(&str, &str); 10] = [
    ("Windows NT", "Windows"),
    ("Windows", "Windows"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("iPod", "iOS"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

impl UserAgent {
    /// Reads a header's value.
    #[must_use]
    pub fn parse(header: &str) -> Self {
        let header = beginning(header);
        let browser = browser(header);
        let system =
            SYSTEMS.iter().find(|(mark, _)| header.contains(mark)).map_or(UNKNOWN, |found| found.1);
        let is_program = PROGRAMS.iter().any(|program| browser.starts_with(program));
        let device = match system {
            _ if is_program => "Program",
            "iPadOS" => "Tablet",
            "iOS" => "Phone",
            // Chrome and Firefox say `Mobile` on phones only.
            "Android" if header.contains("Mobile") => "Phone",
            "Android" => "Tablet",
            UNKNOWN => UNKNOWN,
            _ => "Computer",
        };
        Self { browser, system, device }
    }
}

fn beginning(header: &str) -> &str {
    let end = (0..=BYTES_MAX.min(header.len())).rev().find(|end| header.is_char_boundary(*end));
    end.and_then(|end| header.get(..end)).unwrap_or_default()
}

fn browser(header: &str) -> String {
    for (mark, name) in BROWSERS {
        if let Some((_, version)) = header.split_once(mark) {
            return with_version(name, version);
        }
    }
    if let Some((_, version)) = header.split_once("Go-http-client/") {
        return with_version("Go", version);
    }
    // Safari's own version stands behind `Version/`; `Safari/` is WebKit's.
    match header.split_once("Version/") {
        Some((_, version)) if header.contains("Safari/") => with_version("Safari", version),
        _ if header.contains("Safari/") => "Safari".to_owned(),
        _ => UNKNOWN.to_owned(),
    }
}

fn with_version(name: &str, version: &str) -> String {
    let major: String =
        version.chars().take_while(char::is_ascii_digit).take(VERSION_DIGITS_MAX).collect();
    if major.is_empty() { name.to_owned() } else { format!("{name} {major}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn c3_a_person_recognises_their_devices() {
        let mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)";
        let win =
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)";
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15";
        let android = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)";
        for (header, browser, system, device) in [
            (format!("{win} Chrome/129.0.0.0 Safari/537.36"), "Chrome 129", "Windows", "Computer"),
            (
                format!("{win} Chrome/129.0.0.0 Safari/537.36 Edg/129.0.2792.52"),
                "Edge 129",
                "Windows",
                "Computer",
            ),
            (
                format!("{win} Chrome/128.0.0.0 Safari/537.36 OPR/114.0.0.0"),
                "Opera 114",
                "Windows",
                "Computer",
            ),
            (format!("{mac} Version/17.5 Safari/605.1.15"), "Safari 17", "macOS", "Computer"),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0".into(),
                "Firefox 131",
                "Linux",
                "Computer",
            ),
            (
                format!("{phone} Version/17.5 Mobile/15E148 Safari/604.1"),
                "Safari 17",
                "iOS",
                "Phone",
            ),
            (
                format!("{phone} CriOS/129.0.1 Mobile/15E148 Safari/604.1"),
                "Chrome 129",
                "iOS",
                "Phone",
            ),
            (
                format!("{android} Chrome/129.0.0.0 Mobile Safari/537.36"),
                "Chrome 129",
                "Android",
                "Phone",
            ),
            (
                format!("{android} Chrome/129.0.0.0 Safari/537.36"),
                "Chrome 129",
                "Android",
                "Tablet",
            ),
            ("curl/8.5.0".into(), "curl 8", "Unknown", "Program"),
            ("Go-http-client/1.1".into(), "Go 1", "Unknown", "Program"),
            ("JsSIP 3.10.1".into(), "JsSIP 3", "Unknown", "Unknown"),
            (String::new(), "Unknown", "Unknown", "Unknown"),
        ] {
            let expected = UserAgent { browser: browser.into(), system, device };
            assert_eq!(UserAgent::parse(&header), expected, "{header}");
        }
    }

    #[test]
    fn nothing_of_the_header_is_shown_but_digits() {
        let nasty = UserAgent::parse("Chrome/<script>alert(1)</script> Windows");
        assert_eq!((nasty.browser.as_str(), nasty.system), ("Chrome", "Windows"));
        let long = UserAgent::parse(&format!("Chrome/{}", "9".repeat(100_000)));
        assert_eq!(long.browser, "Chrome 99999");
        assert_eq!(UserAgent::parse(&"é".repeat(1_000)).browser, "Unknown");
    }

    proptest! {
        #[test]
        fn any_header_gives_short_words(header: String) {
            let read = UserAgent::parse(&header);
            prop_assert!(read.browser.len() <= 24);
        }
    }
}
