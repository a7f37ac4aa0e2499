//! The name of every metric, in one place: `ringfence_` prefix, base units, `_total` on counters.
//!
//! No label carries a person, a number or an address.

/// Sealed secrets opened, by `purpose`.
pub const SECRETS_OPENED: &str = "ringfence_secrets_opened_total";
/// Refused credentials, by `kind`: `password`, `token`, `ticket`, `start_link`, `session`.
pub const AUTH_FAILURES: &str = "ringfence_auth_failures_total";
/// HTTP answers, by `status`.
pub const HTTP_RESPONSES: &str = "ringfence_http_responses_total";
/// Phone sockets refused before their upgrade, by `reason`.
pub const PHONE_UPGRADES_REFUSED: &str = "ringfence_ws_refused_total";
/// Phone sockets upgraded.
pub const PHONE_UPGRADES: &str = "ringfence_ws_upgrades_total";
/// Phone sockets open.
pub const PHONE_SOCKETS: &str = "ringfence_ws_connections";
/// Registered phones.
pub const REGISTRATIONS: &str = "ringfence_registrations";
/// Calls up, by `direction`.
pub const CALLS_ACTIVE: &str = "ringfence_calls_active";
/// Calls ended, by `direction` and `outcome`.
pub const CALLS: &str = "ringfence_calls_total";
/// Records of ended calls that could not be written down.
pub const CALL_RECORDS_LOST: &str = "ringfence_call_records_lost_total";
/// INVITE to answer, seconds.
pub const CALL_SETUP: &str = "ringfence_call_setup_seconds";
/// SIP messages that could not be parsed, by `side`.
pub const SIP_MALFORMED: &str = "ringfence_sip_malformed_total";
/// DTLS handshakes, seconds, by `version`.
pub const DTLS_HANDSHAKE: &str = "ringfence_dtls_handshake_seconds";
/// What media workers did with packets, by `kind`: taken, sent, and each reason to drop one.
pub const MEDIA_EVENTS: &str = "ringfence_media_packets_total";
/// Whether a trunk is usable, 0 or 1, by `trunk`.
pub const TRUNK_UP: &str = "ringfence_trunk_up";
/// Always 1, by `version`.
pub const BUILD_INFO: &str = "ringfence_build_info";
