//! The API's description says what the router does.

use super::*;
use crate::access::policy::{Endpoint, Need};
use crate::http::openapi::description;

#[test]
fn every_route_is_described_with_its_bodies() {
    let api = description();
    assert_eq!(api["openapi"], "3.1.0");
    for endpoint in Endpoint::ALL {
        let rule = endpoint.rule();
        let operation = &api["paths"][rule.path][rule.verb.as_str().to_lowercase()];
        assert_eq!(operation["operationId"], endpoint.name(), "{}", rule.path);
        assert_eq!(operation["summary"], rule.words);
        let is_open = rule.need == Need::Anyone;
        assert_eq!(operation["security"][0] == json!({}), is_open, "{}", rule.path);
    }
    let login = &api["components"]["schemas"]["Login"];
    assert_eq!(login["additionalProperties"], false, "{login}");
    assert_eq!(login["required"], json!(["user", "password"]));
}

#[test]
fn every_reference_leads_somewhere_and_no_body_takes_unknown_members() {
    let api = description();
    let schemas = api["components"]["schemas"].as_object().unwrap();
    let mut found = Vec::new();
    references(&api, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        assert!(schemas.contains_key(name), "{reference}");
    }
    for (_, operations) in api["paths"].as_object().unwrap() {
        for (_, operation) in operations.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let Some(reference) = schema["$ref"].as_str() else { continue };
            let name = reference.rsplit('/').next().unwrap();
            if name != "PolicyChange" {
                assert_eq!(schemas[name]["additionalProperties"], false, "{name}");
            }
        }
    }
}

#[test]
fn each_list_is_described_with_its_own_items() {
    let api = description();
    for (path, member) in [
        ("/api/v1/users", "second_factor"),
        ("/api/v1/sessions", "ended_reason"),
        ("/api/v1/workspaces", "people"),
        ("/api/v1/trunks", "has_password"),
    ] {
        let answer = &api["paths"][path]["get"]["responses"]["200"];
        let list = answer["content"]["application/json"]["schema"]["$ref"].as_str().unwrap();
        let of = |reference: &str| reference.rsplit('/').next().unwrap().to_string();
        let items = &api["components"]["schemas"][of(list)]["properties"]["items"]["items"];
        let item = match items["$ref"].as_str() {
            Some(reference) => &api["components"]["schemas"][of(reference)],
            None => items,
        };
        assert!(item["properties"].get(member).is_some(), "{path}: {item}");
    }
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str() {
                    Some(text) if name == "$ref" => found.push(text.to_string()),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_description_and_its_pages_are_served_from_here() {
    let edge = Edge::new().await;
    let api = edge.get("/api/openapi.json", &[]).await;
    assert_eq!((api.status, &api.body["info"]["title"]), (200, &json!("Ringfence")));
    let page = edge.get("/docs/index.html", &[]).await;
    assert_eq!(page.header("content-type"), Some("text/html"));
    assert!(!page.text.contains("<style") && !page.text.contains("http://"), "{}", page.text);
    for script in page.text.split("<script").skip(1) {
        assert!(script.trim_start().starts_with("src=\"./"), "no inline script: {script}");
    }
    let start = edge.get("/docs/swagger-initializer.js", &[]).await;
    assert!(start.text.contains("/api/openapi.json"), "{}", start.text);
    assert_eq!(edge.get("/docs", &[]).await.header("location"), Some("/docs/index.html"));
}
