//! JSON bodies, strictly: the right content type, bounded in bytes, depth and time, no member
//! twice, no unknown member, no control character in any text. Each refusal names the field.

use std::fmt;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::problem::Problem;
use crate::base::limit;

/// A request body that was read strictly.
pub(super) struct StrictJson<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for StrictJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_content_type(request.headers())?;
        let body = read(request.into_body(), limit::HTTP_BODY_TIMEOUT).await?;
        parse(&body).map(Self)
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or("").trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = "send JSON with content-type: application/json";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail))
}

/// A whole body of any kind, bounded in bytes and time.
pub(super) async fn read_body(body: Body) -> Result<Bytes, Problem> {
    read(body, limit::HTTP_BODY_TIMEOUT).await
}

async fn read(body: Body, time: Duration) -> Result<Bytes, Problem> {
    let limited = Limited::new(body, limit::HTTP_BODY_BYTES_MAX);
    let read = tokio::time::timeout(time, limited.collect()).await.map_err(|_| {
        let detail = "the body did not arrive in time";
        Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail)
    })?;
    match read {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let detail = format!("the body is over {} bytes", limit::HTTP_BODY_BYTES_MAX);
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail))
        }
        Err(_) => {
            let detail = "the body could not be read";
            Err(Problem::new(StatusCode::BAD_REQUEST, "body_broken", detail))
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = if body.is_empty() { b"{}" } else { body };
    check(body)?;
    let mut json = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let detail = words(error.inner());
        let field = if path == "." { quoted(&detail).unwrap_or_default() } else { path };
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail).in_field(field)
    })
}

/// The parser's words without line and column, which mean nothing to who built the request.
fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or("").replace("` ", "`, ").to_string()
}

/// The name the parser puts into backticks: "unknown field `x`, expected ...".
fn quoted(text: &str) -> Option<String> {
    text.split('`').nth(1).map(str::to_string)
}

/// Walks the whole body before anything is taken from it.
fn check(body: &[u8]) -> Result<(), Problem> {
    let mut fault = None;
    let mut json = serde_json::Deserializer::from_slice(body);
    let walked = Walk { path: &mut String::new(), depth: 0, fault: &mut fault }
        .deserialize(&mut json)
        .and_then(|()| json.end());
    match (walked, fault) {
        (Ok(()), None) if is_list(body) => {
            let detail = "the body is an object, {\"name\": value, …}, not a list";
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not_an_object", detail))
        }
        (Ok(()), None) => Ok(()),
        (_, Some(fault)) => Err(fault.into_problem()),
        (Err(_), None) => {
            let detail = "the body is not JSON";
            Err(Problem::new(StatusCode::BAD_REQUEST, "not_json", detail))
        }
    }
}

/// A list would be taken for an object whose members come in their order.
fn is_list(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

/// What JSON allows and we do not.
enum Fault {
    Twice(String),
    Control(String),
    TooDeep,
}

impl Fault {
    fn into_problem(self) -> Problem {
        match self {
            Self::Twice(field) => {
                let detail = "this member is there twice";
                Problem::new(StatusCode::BAD_REQUEST, "duplicate_field", detail).in_field(field)
            }
            Self::Control(field) => {
                let detail = "a text may not hold control characters";
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Problem::new(status, "control_character", detail).in_field(field)
            }
            Self::TooDeep => {
                let detail = format!("nesting is over {} levels", limit::JSON_DEPTH_MAX);
                Problem::new(StatusCode::BAD_REQUEST, "too_deep", detail)
            }
        }
    }
}

struct Walk<'a> {
    path: &'a mut String,
    depth: usize,
    fault: &'a mut Option<Fault>,
}

impl Walk<'_> {
    fn fail<E: serde::de::Error>(&mut self, fault: Fault) -> E {
        *self.fault = Some(fault);
        E::custom("")
    }

    fn deeper<E: serde::de::Error>(&mut self) -> Result<usize, E> {
        if self.depth < limit::JSON_DEPTH_MAX {
            Ok(self.depth + 1)
        } else {
            Err(self.fail(Fault::TooDeep))
        }
    }

    fn check_text<E: serde::de::Error>(&mut self, text: &str) -> Result<(), E> {
        let is_bad =
            |c: char| c.is_control() && !(may_break_lines(self.path) && "\r\n\t".contains(c));
        if text.chars().any(is_bad) {
            let field = shown(self.path);
            return Err(self.fail(Fault::Control(field)));
        }
        Ok(())
    }
}

/// Whether a member may hold several lines: none of these ends up in a header.
fn may_break_lines(path: &str) -> bool {
    ["address", "ca_pem", "client_secret", "reason", "words"].contains(&path)
}

/// A path made of names the client chose: cut, and printable.
fn shown(path: &str) -> String {
    path.chars().filter(|c| !c.is_control()).take(100).collect()
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(mut self, text: &str) -> Result<(), E> {
        self.check_text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        while items.next_element_seed(Walk { path: self.path, depth, fault: self.fault })?.is_some()
        {
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        let mut names = std::collections::BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            let outer = self.path.len();
            if outer > 0 {
                self.path.push('.');
            }
            self.path.push_str(&name);
            self.check_text(&name)?;
            if !names.insert(name) {
                let field = shown(self.path);
                return Err(self.fail(Fault::Twice(field)));
            }
            members.next_value_seed(Walk { path: self.path, depth, fault: self.fault })?;
            self.path.truncate(outer);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Login {
        user: String,
        #[serde(default)]
        tags: Vec<String>,
    }

    fn refusal(body: &str) -> (u16, &'static str, String) {
        use axum::response::IntoResponse;
        let problem = parse::<Login>(body.as_bytes()).unwrap_err();
        let (code, field) = (problem.code(), format!("{problem:?}"));
        let field = field.split("field: Some(\"").nth(1).and_then(|f| f.split('"').next());
        let field = field.unwrap_or("").to_string();
        (problem.into_response().status().as_u16(), code, field)
    }

    #[test]
    fn w16_each_kind_of_bad_json_is_refused_with_its_field() {
        let login = parse::<Login>(br#"{"user":"a","tags":["b"]}"#).unwrap();
        assert_eq!((login.user.as_str(), login.tags.len()), ("a", 1));
        for (body, status, code, field) in [
            ("{", 400, "not_json", ""),
            ("{\"user\":\"a\"} x", 400, "not_json", ""),
            ("\"a\"", 422, "invalid_field", ""),
            ("{}", 422, "invalid_field", "user"),
            ("", 422, "invalid_field", "user"),
            ("{\"user\":1}", 422, "invalid_field", "user"),
            ("{\"user\":null}", 422, "invalid_field", "user"),
            ("{\"user\":\"a\",\"level\":9}", 422, "invalid_field", "level"),
            ("{\"user\":\"a\",\"user\":\"b\"}", 400, "duplicate_field", "user"),
            ("{\"user\":\"a\\r\\nVia: x\"}", 422, "control_character", "user"),
            ("{\"user\":\"a\\u0000\"}", 422, "control_character", "user"),
            ("{\"user\":\"a\",\"tags\":[\"b\",\"\\u001b[31m\"]}", 422, "control_character", "tags"),
            ("{\"user\":\"a\",\"tags\":[1]}", 422, "invalid_field", "tags[0]"),
            ("{\"user\":1e999}", 400, "not_json", ""),
        ] {
            assert_eq!(refusal(body), (status, code, field.to_string()), "{body}");
        }
        for open in ["[", "{\"user\":"] {
            let deep = open.repeat(10_000);
            assert_eq!(refusal(&deep).1, "too_deep");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_it_panic(body: Vec<u8>, text in "[{}\\[\\],:\"a0\\\\ ]{0,60}") {
            let _ = parse::<Login>(&body);
            let _ = parse::<Login>(text.as_bytes());
        }
    }

    #[test]
    fn sec_a29_a_list_is_not_taken_for_an_object() {
        #[derive(Debug, Deserialize)]
        struct Nothing {}
        for body in ["[]", "[null,null]", " \n[\"a\"]", "[[]]"] {
            let refused = parse::<Nothing>(body.as_bytes()).map(drop).unwrap_err();
            assert_eq!(refused.code(), "not_an_object", "{body}");
        }
        assert!(parse::<Nothing>(b" {} ").is_ok());
    }
}
