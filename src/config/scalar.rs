//! Values a setting can have, and what is said about a text that is none.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

use super::value::CodecName;
use super::web_origin::WebOrigin;

/// One value of a setting.
pub(super) trait Scalar: FromStr + Display {
    /// Why a text is refused, in words that show a good one.
    fn refusal(error: &Self::Err) -> String;
}

macro_rules! scalars {
    ($($type:ty => $words:expr),* $(,)?) => {
        $(impl Scalar for $type {
            fn refusal(_: &Self::Err) -> String {
                $words.into()
            }
        })*
    };
}

scalars! {
    SocketAddr => "is no address with a port, such as 127.0.0.1:8443 or [::1]:8443",
    IpAddr => "is no IP address, such as 203.0.113.5 or 2001:db8::5",
    u16 => "is no port, a number from 0 to 65535",
    usize => "is no whole number, such as 4",
    bool => "is neither true nor false",
    IpNet => "is no network, such as 10.0.0.0/8 or 127.0.0.1/32",
    String => "is no text",
}

impl Scalar for WebOrigin {
    fn refusal(error: &Self::Err) -> String {
        error.to_string()
    }
}

impl Scalar for CodecName {
    fn refusal(error: &Self::Err) -> String {
        (*error).into()
    }
}
