//! The discovery document, and which issuers a provider may speak for (OpenID Connect Discovery
//! 1.0 section 4).

use serde::Deserialize;

use super::error::OidcError;
use super::provider::{Kind, Provider};

/// What is used of a discovery document.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    pub(super) issuer: IssuerRule,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) jwks_uri: String,
    pub(super) userinfo_endpoint: Option<String>,
    pub(super) takes_secret_in_form: bool,
    pub(super) is_issuer_in_response: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    code_challenge_methods_supported: Option<Vec<String>>,
}

/// Where the document of `issuer` is.
pub(super) fn document_url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

impl Metadata {
    pub(super) fn parse(provider: &Provider, json: &[u8]) -> Result<Self, OidcError> {
        let unusable = || OidcError::Provider { what: "discovery document" };
        let document: Document = serde_json::from_slice(json).map_err(|_| unusable())?;
        let methods = document.code_challenge_methods_supported;
        if methods.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
            return Err(OidcError::Provider { what: "PKCE (it does not do S256)" });
        }
        // What a document leaves out is `client_secret_basic`.
        let takes_secret_in_form = document
            .token_endpoint_auth_methods_supported
            .is_some_and(|methods| methods.iter().any(|method| method == "client_secret_post"));
        Ok(Self {
            issuer: IssuerRule::new(provider, &document.issuer)?,
            authorization_endpoint: document.authorization_endpoint,
            token_endpoint: document.token_endpoint,
            jwks_uri: document.jwks_uri,
            userinfo_endpoint: document.userinfo_endpoint,
            takes_secret_in_form,
            is_issuer_in_response: document.authorization_response_iss_parameter_supported,
        })
    }
}

/// Which `iss` is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IssuerRule {
    /// This and no other.
    Exact(String),
    /// Microsoft's for many tenants: `{tenantid}` stands for any tenant's id.
    AnyTenant {
        before: String,
        after: String,
        /// Work and school accounts only (`organizations`).
        is_work_only: bool,
    },
}

/// What Microsoft writes in place of the tenant's id.
const TENANT: &str = "{tenantid}";

/// The tenant of all personal Microsoft accounts.
const PERSONAL_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

impl IssuerRule {
    fn new(provider: &Provider, advertised: &str) -> Result<Self, OidcError> {
        let configured = provider.issuer.as_str();
        if provider.kind == Kind::Microsoft {
            for (alias, is_work_only) in [("/common/", false), ("/organizations/", true)] {
                if let Some((before, after)) = configured.split_once(alias) {
                    let (before, after) = (format!("{before}/"), format!("/{after}"));
                    if advertised != format!("{before}{TENANT}{after}") {
                        return Err(OidcError::Issuer);
                    }
                    return Ok(Self::AnyTenant { before, after, is_work_only });
                }
            }
        }
        let expected = match provider.kind {
            Kind::Microsoft => configured.replace("/consumers/", &format!("/{PERSONAL_TENANT}/")),
            Kind::Google | Kind::Apple | Kind::Generic => configured.to_owned(),
        };
        if advertised == expected { Ok(Self::Exact(expected)) } else { Err(OidcError::Issuer) }
    }

    /// Whether `issuer` may be believed at all; the tenant is not known yet.
    pub(super) fn permits(&self, issuer: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == issuer,
            Self::AnyTenant { before, after, is_work_only } => issuer
                .strip_prefix(before.as_str())
                .and_then(|rest| rest.strip_suffix(after.as_str()))
                .is_some_and(|tenant| {
                    is_tenant(tenant) && !(*is_work_only && tenant == PERSONAL_TENANT)
                }),
        }
    }

    /// Whether a token may say `issuer` and `tenant`: with many tenants, both must name the same.
    pub(super) fn permits_token(&self, issuer: &str, tenant: Option<&str>) -> bool {
        self.permits(issuer)
            && match self {
                Self::Exact(_) => true,
                Self::AnyTenant { before, after, .. } => {
                    tenant.is_some_and(|tenant| issuer == format!("{before}{tenant}{after}"))
                }
            }
    }
}

/// Whether a key that Microsoft marks with an issuer may sign for `issuer`.
pub(super) fn key_is_for(key_issuer: &str, issuer: &str) -> bool {
    match key_issuer.split_once(TENANT) {
        None => key_issuer == issuer,
        Some((before, after)) => {
            let tenant = issuer.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            tenant.is_some_and(is_tenant)
        }
    }
}

fn is_tenant(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    let lengths: Vec<_> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT_ID: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

    fn rule(provider: &Provider, advertised: &str) -> Result<IssuerRule, OidcError> {
        IssuerRule::new(provider, advertised)
    }

    #[test]
    fn sec_a35_an_issuer_is_compared_exactly() {
        let google = Provider::google("id");
        let exact = rule(&google, "https://accounts.google.com").expect("exact");
        assert!(exact.permits_token("https://accounts.google.com", None));
        for other in [
            "https://accounts.google.com/",
            "https://accounts.google.com.evil.example",
            "accounts.google.com",
            "HTTPS://accounts.google.com",
            "",
        ] {
            assert!(matches!(rule(&google, other), Err(OidcError::Issuer)), "{other}");
            assert!(!exact.permits(other), "{other}");
        }
    }

    #[test]
    fn sec_a35_microsofts_tenant_must_be_the_tokens_own_and_an_id() {
        let advertised = "https://login.microsoftonline.com/{tenantid}/v2.0";
        let issuer = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
        let common = rule(&Provider::microsoft("common", "id"), advertised).expect("common");
        assert!(common.permits_token(&issuer(TENANT_ID), Some(TENANT_ID)));
        assert!(common.permits_token(&issuer(PERSONAL_TENANT), Some(PERSONAL_TENANT)));
        assert!(!common.permits_token(&issuer(TENANT_ID), None));
        assert!(!common.permits_token(&issuer(TENANT_ID), Some(PERSONAL_TENANT)));
        assert!(!common.permits_token(advertised, Some("{tenantid}")));
        assert!(!common.permits_token(&issuer("common"), Some("common")));
        let evil = format!("{}/evil", issuer(TENANT_ID));
        assert!(!common.permits_token(&evil, Some(TENANT_ID)));

        let work = rule(&Provider::microsoft("organizations", "id"), advertised).expect("work");
        assert!(work.permits_token(&issuer(TENANT_ID), Some(TENANT_ID)));
        assert!(!work.permits_token(&issuer(PERSONAL_TENANT), Some(PERSONAL_TENANT)));

        let consumers = Provider::microsoft("consumers", "id");
        let personal = rule(&consumers, &issuer(PERSONAL_TENANT)).expect("personal");
        assert!(!personal.permits(&issuer(TENANT_ID)));
        assert!(rule(&consumers, advertised).is_err());

        let one = Provider::microsoft(TENANT_ID, "id");
        assert!(rule(&one, advertised).is_err());
        assert!(rule(&one, &issuer(TENANT_ID)).is_ok());
        // The template means nothing at other providers.
        let generic = Provider::generic("own", &issuer("common"), "id");
        assert!(rule(&generic, advertised).is_err());
    }

    #[test]
    fn sec_a35_a_key_marked_with_an_issuer_signs_for_no_other() {
        let issuer = format!("https://login.microsoftonline.com/{TENANT_ID}/v2.0");
        assert!(key_is_for("https://login.microsoftonline.com/{tenantid}/v2.0", &issuer));
        assert!(key_is_for(&issuer, &issuer));
        let personal = format!("https://login.microsoftonline.com/{PERSONAL_TENANT}/v2.0");
        assert!(!key_is_for(&personal, &issuer));
    }

    #[test]
    fn a_document_without_s256_or_with_missing_members_is_not_usable() {
        let provider = Provider::generic("own", "https://id.example", "id");
        let document = |extra: &str| {
            format!(
                r#"{{"issuer":"https://id.example","authorization_endpoint":"https://id.example/a",
                "token_endpoint":"https://id.example/t","jwks_uri":"https://id.example/k"{extra}}}"#
            )
        };
        let plain = Metadata::parse(&provider, document("").as_bytes()).expect("usable");
        assert!(!plain.takes_secret_in_form && !plain.is_issuer_in_response);
        for extra in [r#","code_challenge_methods_supported":["plain"]"#, r#","issuer":"x""#] {
            assert!(Metadata::parse(&provider, document(extra).as_bytes()).is_err(), "{extra}");
        }
        assert!(Metadata::parse(&provider, b"{}").is_err());
        assert!(Metadata::parse(&provider, b"<html>").is_err());
    }
}
