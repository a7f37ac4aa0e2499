//! Every bound of the server, with its reason and what happens when it is reached.

use std::time::Duration;

/// Longest SIP message taken from any peer, bytes. Longer: WebSocket close 1009, TLS link closed.
/// A browser offer is 2–4 kB; 64 KiB leaves room for any real client.
pub const SIP_MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Most header lines of one SIP message. More: 400 and the message is dropped.
pub const SIP_HEADERS_MAX: usize = 200;

/// Longest single header value, bytes (Call-ID, tags, any other). Longer: 400.
pub const SIP_HEADER_BYTES_MAX: usize = 8 * 1024;

/// Most parameters (or URI headers) of one header value or URI. More: 400. Looking for a repeated
/// name is quadratic in this.
pub const SIP_PARAMS_MAX: usize = 64;

/// Most transactions open on one flow. More: 503 with `Retry-After`.
pub const TRANSACTIONS_PER_FLOW_MAX: usize = 256;

/// Most transactions open on one PBX link, which carries many calls.
pub const TRANSACTIONS_PER_LINK_MAX: usize = 20_000;

/// Most dialogs of one browser phone. More: 486.
pub const DIALOGS_PER_PHONE_MAX: usize = 8;

/// Most phones registered at one agent number. More: the oldest is dropped.
pub const PHONES_PER_AGENT_MAX: usize = 8;

/// Most calls at once on this server; more get 503. Bounds tasks and media slots.
pub const CALLS_MAX: usize = 20_000;

/// How long a socket may stay open without a valid token.
pub const SOCKET_AUTH_TIMEOUT: Duration = Duration::from_secs(5);

/// WebSocket ping period (INTEROP: browsers answer without client code); two misses end the socket.
pub const PING_EVERY: Duration = Duration::from_secs(20);

/// Messages waiting for a phone's task. Full: the call counts the leg as lost; the end of a leg and
/// the close of a socket are delivered all the same.
pub const PHONE_QUEUE_MAX: usize = 64;

/// Messages waiting for a call's task. Full: key presses are lost, any other event loses its leg to
/// the call; the end of a leg is delivered all the same.
pub const CALL_QUEUE_MAX: usize = 64;

/// Messages waiting for a PBX link's task. Full: new calls get 503.
pub const LINK_QUEUE_MAX: usize = 1024;

/// Commands waiting for a media worker. Full: new calls get 503.
pub const MEDIA_COMMANDS_MAX: usize = 4096;

/// How long a browser may be without a phone socket before its calls end.
pub const PHONE_ABSENCE_MAX: Duration = Duration::from_secs(30);

/// How long a call may ring before it is given up as not answered.
pub const RING_TIMEOUT: Duration = Duration::from_secs(60);

/// How long ICE and DTLS may take after an answer.
pub const MEDIA_SETUP_TIMEOUT: Duration = Duration::from_secs(15);

/// Silence on an answered leg after which the call ends.
pub const MEDIA_SILENCE_MAX: Duration = Duration::from_secs(60);

/// Registration granted to phones, seconds (INTEROP section 2).
pub const REGISTER_EXPIRES_S: u32 = 300;

/// Shortest registration granted, seconds; less is answered 423 with `Min-Expires`.
pub const REGISTER_EXPIRES_MIN_S: u32 = 60;

/// Longest HTTP request body, bytes; longer gets 413.
pub const HTTP_BODY_BYTES_MAX: usize = 64 * 1024;

/// Longest session JWT accepted, bytes (RFC 8725: bound before parsing).
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;

/// Longest life of a session JWT.
pub const TOKEN_LIFE_MAX: Duration = Duration::from_secs(600);

/// Most phone sockets open at once; more get 503 before the upgrade.
pub const PHONES_MAX: usize = 100_000;

/// Most SRTP sources of one leg that keep a replay window. More: the one silent for longest keeps
/// only its highest index, so that it can return but not be replayed.
pub const SRTP_SOURCES_MAX: usize = 8;

/// Most SRTP sources of one leg remembered without a window. More: new ones are refused until the
/// leg is re-keyed.
pub const SRTP_SOURCES_RETIRED_MAX: usize = 64;

/// How long a packet waits for an earlier one before a transcoder gives that one up. Longer than
/// a frame, so that neighbours may swap; short, because a loss delays the audio behind it by this.
pub const REORDER_WAIT_MAX: Duration = Duration::from_millis(30);

/// Packets that wait for an earlier one. Full: the missing one is given up at once.
pub const REORDER_PACKETS_MAX: usize = 8;

/// Most audio a transcoder makes up for one loss: five frames of 20 ms. The rest is a gap in the
/// timestamps, which the listener's own concealment fills.
pub const CONCEALMENT_MAX: Duration = Duration::from_millis(100);

/// Longest key press sent as telephone-event; a longer one is cut.
pub const KEY_PRESS_MAX: Duration = Duration::from_secs(10);

/// Key presses waiting to be sent on one leg. Full: the press is dropped.
pub const KEY_QUEUE_MAX: usize = 32;

/// How long one write to a phone's socket may take. Longer: the reader is too slow, socket closed.
pub const PHONE_WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the peer of a closed socket has for its half of the close.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long TCP and TLS to a PBX may take.
pub const LINK_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Shortest and longest wait before a lost PBX link is tried again; doubled each time, jittered.
pub const LINK_RETRY_MIN: Duration = Duration::from_millis(500);
/// See [`LINK_RETRY_MIN`].
pub const LINK_RETRY_MAX: Duration = Duration::from_secs(30);

/// How often a PBX link without registration is asked for a sign of life.
pub const LINK_PING_EVERY: Duration = Duration::from_secs(30);

/// Most connections taken from PBXs at once on the SIP listener. More are closed at once.
pub const LINKS_ACCEPTED_MAX: usize = 64;

/// Most bytes of unfinished DTLS handshake messages kept per peer, and so the longest message.
/// More: the oldest unfinished one is dropped, and the peer's retransmission begins it anew.
pub const DTLS_REASSEMBLY_BYTES_MAX: usize = 16 * 1024;

/// Most unfinished DTLS handshake messages kept per peer. More: as above.
pub const DTLS_REASSEMBLY_MESSAGES_MAX: usize = 8;

/// Most separate pieces of one unfinished DTLS handshake message; a further one is dropped.
pub const DTLS_REASSEMBLY_PIECES_MAX: usize = 32;

/// Life of the DTLS certificate; a server that runs longer makes a new one for new calls.
pub const DTLS_CERTIFICATE_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long a listener pauses when the system gives it no more descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Most legs of one media worker. More: `Failure::Full`, the call ends with 503.
pub const LEGS_PER_WORKER_MAX: usize = 16_384;

/// Authentic packets per second taken of one leg: ten times 20 ms audio. More are dropped.
pub const LEG_PACKETS_PER_SECOND_MAX: u64 = 500;

/// Packets of one leg taken at once after a pause (a stalled phone or network catches up).
pub const LEG_BURST_MAX: u64 = 100;

/// PBX legs of one address tried for a packet from a port nobody signalled. More are not tried.
pub const LATCH_CANDIDATES_MAX: usize = 8;

/// Packets after which a PBX leg's source port is fixed until the next SDP (SECURITY M-02).
pub const LATCH_PACKETS: u8 = 5;

/// Silence of a browser's ICE checks after which nothing more is sent to it (RFC 7675 §5.1).
pub const CONSENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Mean time between RTCP reports of a leg (RFC 3550 §6.2 minimum); jittered by half.
pub const RTCP_EVERY: Duration = Duration::from_secs(5);

/// How long a DTLS engine is kept after audio flows, for a peer that repeats its last flight.
pub const DTLS_LINGER: Duration = Duration::from_secs(2);

/// DTLS datagrams kept of a browser whose SDP has not arrived. More are dropped and sent again.
pub const DTLS_EARLY_MAX: usize = 4;

/// Buffers for packets a worker makes itself, all legs together. More: the packet is dropped.
pub const SHARD_PACKETS_MAX: usize = 2048;

/// Frames waiting for a codec thread, and for the worker behind it; 0.25 s of 80 calls. Full: the
/// frame is dropped and counted.
pub const CODEC_QUEUE_MAX: usize = 1024;

/// Transcoded directions of one codec thread. More: their frames are dropped.
pub const TRANSCODERS_MAX: usize = 1024;

/// How long a transcoded direction may be without a frame before its state is freed; it starts
/// anew after that.
pub const TRANSCODER_IDLE_MAX: Duration = Duration::from_secs(30);

/// Datagrams waiting for a handshake thread, and for a worker behind it. Full: dropped, the
/// browser sends again.
pub const HANDSHAKE_QUEUE_MAX: usize = 1024;

/// Handshakes of one handshake thread at once, about 50 kB each. More: their packets are dropped
/// until others end (SECURITY M-14).
pub const HANDSHAKES_MAX: usize = 1024;

/// How long a handshake thread keeps a peer that neither packets nor timers touched.
pub const HANDSHAKE_IDLE_MAX: Duration = Duration::from_secs(60);

/// How long stopping waits for calls to say goodbye.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How often stopping looks whether they have.
pub const STOP_POLL: Duration = Duration::from_millis(20);

/// Nonces of digest authentication with their counts kept per realm. More: the oldest is
/// forgotten and answers with it get `stale=true`.
pub const DIGEST_NONCES_MAX: usize = 4096;

/// How long a digest nonce is good; after that answers get `stale=true`.
pub const DIGEST_NONCE_LIFE: Duration = Duration::from_secs(300);

/// How far a token's times may be ahead of our clock, for clocks that differ.
pub const TOKEN_CLOCK_SKEW: Duration = Duration::from_secs(5);

/// Longest that a browser keeps a cookie: what browsers themselves cut to (RFC 6265bis: 400 days).
pub const COOKIE_LIFE_MAX: Duration = Duration::from_secs(400 * 24 * 3600);

/// How stale the stored time of a session's last request may be, per process.
pub const SESSION_TOUCH_EVERY: Duration = Duration::from_secs(60);

/// Most sessions kept in memory; others are read from the database at each request.
pub const SESSIONS_CACHED_MAX: usize = 100_000;

/// Ended sessions a slow listener may miss before it must look at all of its own.
pub const SESSION_ENDINGS_MAX: usize = 1024;

/// How long a socket ticket is good for.
pub const TICKET_LIFE: Duration = Duration::from_secs(30);

/// Most tickets out at once; more get 503.
pub const TICKETS_MAX: usize = 20_000;

/// How long a development sign-in link is good for.
pub const START_LINK_LIFE: Duration = Duration::from_secs(1800);

/// Most development sign-in links out at once.
pub const START_LINKS_MAX: usize = 16;

/// Sign-ins waiting for the password hasher. More: 503 with `Retry-After`.
pub const PASSWORDS_WAITING_MAX: usize = 64;

/// How long a sign-in may wait for the password hasher. Longer: 503 with `Retry-After`.
pub const PASSWORD_WAIT_MAX: Duration = Duration::from_secs(3);

/// How long a client may take to send a request's head. Longer: the connection closes.
pub const HTTP_HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take to send a request's body. Longer: 408.
pub const HTTP_BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest request head, bytes; longer gets 431.
pub const HTTP_HEAD_BYTES_MAX: usize = 16 * 1024;

/// Most header lines of one request; more gets 431.
pub const HTTP_HEADERS_MAX: usize = 64;

/// Deepest nesting of a JSON body.
pub const JSON_DEPTH_MAX: usize = 16;

/// Most source addresses of one leg that passed an ICE check. More: the one validated first is
/// forgotten, never the selected one.
pub const ICE_ADDRESSES_MAX: usize = 8;

/// Shortest time between two unauthenticated STUN error replies of one leg; others are dropped.
pub const STUN_ERROR_EVERY: Duration = Duration::from_secs(1);

/// Most REGISTERs of one phone in a minute; more get 503. SIP.js loops when an answer displeases it.
pub const REGISTERS_PER_MINUTE_MAX: u32 = 30;

/// Most HTTP connections at once; more wait to be accepted.
pub const CONNECTIONS_MAX: usize = 60_000;

/// How long a client's TLS handshake may take (SECURITY D-04).
pub const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// Socket pairs towards PBXs per media worker. One batches best; two legs whose PBX uses one address
/// for both would need two, but PBXs give every call a port of its own.
pub const TRUNK_SOCKETS_PER_WORKER: u8 = 1;

/// How long one scrape of the metrics page may take.
pub const SCRAPE_TIMEOUT: Duration = Duration::from_secs(5);

/// Most callees of one forked call that are followed: early dialogs, and answers whose ACK is
/// remembered. Further ones ring unheard and get a fresh ACK and BYE for each copy.
pub const FORKS_MAX: usize = 8;

/// Most parts of a multipart body looked through for SDP.
pub const BODY_PARTS_MAX: usize = 16;

/// How often our re-INVITE may cross the peer's before the engine is told.
pub const GLARES_MAX: u8 = 4;

/// Most challenges answered for one request: a proxy's and a server's, each once more when stale.
pub const CHALLENGES_MAX: usize = 4;

/// How long the calls of a lost PBX link wait for it to come back. A connection that a network
/// dropped is back within a second; a PBX that is gone has dropped its calls anyway.
pub const LINK_ABSENCE_MAX: Duration = Duration::from_secs(8);

/// How long a PBX has for its first answer on a new connection. Longer: the connection is tried
/// anew, long before SIP itself would give up (Timer F, 32 s).
pub const LINK_ANSWER_TIMEOUT: Duration = Duration::from_secs(6);

/// Most phone sockets of one session; more are closed with 4429. Bounds what one token can use.
pub const SOCKETS_PER_SESSION_MAX: usize = 16;

/// How long a connection that a PBX opened without proving itself may wait for its first call.
pub const UNPROVEN_LINK_MAX: Duration = Duration::from_secs(10);

/// How long the name of a PBX may take to resolve when it connects to us.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a PBX that refused our registration for good (wrong password, unknown account) is left
/// alone before the next try.
pub const REFUSED_RETRY: Duration = Duration::from_secs(120);

/// How long anything fetched from others may take in all: name, connection, TLS, answer.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest body fetched from others, bytes; a longer one is an error. Key sets are a few kB.
pub const FETCH_BODY_BYTES_MAX: usize = 1024 * 1024;

/// Longest head of an answer fetched from others, bytes.
pub const FETCH_HEAD_BYTES_MAX: usize = 64 * 1024;

/// Longest URL that is fetched, bytes.
pub const FETCH_URL_BYTES_MAX: usize = 2048;

/// Most addresses of one name tried for a fetch.
pub const FETCH_ADDRESSES_MAX: usize = 4;

/// How long a person has at an identity provider before the sign-in must be begun anew.
pub const OIDC_PENDING_LIFE: Duration = Duration::from_secs(600);

/// How long a provider's discovery document and keys are used before they are fetched again.
pub const OIDC_CACHE_LIFE: Duration = Duration::from_secs(3600);

/// Shortest time between two fetches of a provider's keys because a token names an unknown one:
/// anybody can make up names (SECURITY 4.11).
pub const OIDC_REFETCH_EVERY: Duration = Duration::from_secs(60);

/// Most providers whose documents are kept. More: the one fetched longest ago is forgotten.
pub const OIDC_PROVIDERS_CACHED_MAX: usize = 64;

/// Most keys taken of a provider's key set; Microsoft has about ten.
pub const OIDC_KEYS_MAX: usize = 64;

/// Longest ID token, bytes; Microsoft's with many claims reach 4 kB.
pub const ID_TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Longest text taken of a provider's callback or ID token: code, subject, name.
pub const OIDC_TEXT_BYTES_MAX: usize = 4 * 1024;

/// Life of the assertion that stands for a client secret at Apple.
pub const APPLE_SECRET_LIFE: Duration = Duration::from_secs(300);

/// Mails waiting to be sent. More are refused; whoever asked is answered 503.
pub const MAILS_WAITING_MAX: usize = 1000;

/// How often a mail is tried. After that it is dropped and logged.
pub const MAIL_TRIES_MAX: u32 = 6;

/// Shortest and longest wait before a mail is tried again; doubled each time, jittered. Six tries
/// take some five minutes, half the life of a sign-in code.
pub const MAIL_RETRY_MIN: Duration = Duration::from_secs(10);
/// See [`MAIL_RETRY_MIN`].
pub const MAIL_RETRY_MAX: Duration = Duration::from_secs(120);

/// How long one delivery to the mail server may take.
pub const MAIL_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest name or line in a mail that comes from a person, characters; the rest is cut.
pub const MAIL_LINE_CHARS_MAX: usize = 120;

/// Longest message of the contact form, characters; the rest is cut.
pub const MAIL_TEXT_CHARS_MAX: usize = 8000;

/// Longest file with a root key, bytes: 32 raw, 44 in base64, 64 in hexadecimal, and line ends.
pub const ROOT_KEY_FILE_BYTES_MAX: usize = 128;

/// Most keys offered to a sealed vault in a minute. The key cannot be guessed; this bounds noise.
pub const UNSEAL_TRIES_PER_MINUTE_MAX: u32 = 10;

/// Longest line of the unsealing protocol, bytes: a word and a key in hexadecimal.
pub const UNSEAL_LINE_BYTES_MAX: usize = 128;

/// How long one side of the unsealing protocol waits for the other.
pub const UNSEAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Sealed values rewrapped in one transaction: short enough for writers to slip in between.
pub const REKEY_BATCH_ROWS: i64 = 64;

/// Youngest age of a replaced key at which it may retire: by then whatever was sealed with it just
/// before, by this or another process, is written down and counted.
pub const KEY_RETIRES_AFTER: Duration = Duration::from_secs(15 * 60);

/// Longest details of one audited event, bytes of JSON; longer ones are left out and said so.
pub const AUDIT_DETAILS_BYTES_MAX: usize = 4096;

/// Most rows between two signed checkpoints of the audit (SECURITY 4.7).
pub const AUDIT_CHECKPOINT_ROWS: u64 = 1000;

/// Longest time between an audited event and the checkpoint that vouches for it (SECURITY 4.7).
pub const AUDIT_CHECKPOINT_EVERY: Duration = Duration::from_secs(5 * 60);

/// Rows read at once when the audit is verified; a few MB.
pub const AUDIT_PAGE_ROWS: i64 = 5000;

/// Longest file of checkpoints that is read, bytes: at one in five minutes, 200 years.
pub const AUDIT_CHECKPOINTS_BYTES_MAX: u64 = 1 << 32;

/// Addresses and networks that keep a rate limit's bucket, about 13 MB. More: the longest idle are
/// forgotten and begin anew. A multiple of 64 · 896, which fills a hash table's power of two.
pub const THROTTLE_ADDRESSES_MAX: usize = 57_344;

/// Accounts, and accounts by address, that keep a rate limit's bucket. More: as above.
pub const THROTTLE_ACCOUNTS_MAX: usize = 57_344;

/// Sessions, API keys and known browsers that keep a rate limit's bucket. Two for each of 50,000
/// live sessions. More: as above.
pub const THROTTLE_CALLERS_MAX: usize = 114_688;

/// Most records of calls that wait for the database; more are counted and lost.
pub const CALL_RECORDS_MAX: usize = 4_096;

/// How long a sign-in code is of use to its reader (requirements B8); its mail is not tried longer.
pub const MAIL_CODE_LIFE: Duration = Duration::from_secs(600);

/// How long any other mail is tried.
pub const MAIL_LIFE: Duration = Duration::from_secs(3600);

/// How far back changes of settings by other processes are looked for: clocks that differ and
/// transactions that commit late.
pub const SETTINGS_LOOK_BACK: Duration = Duration::from_secs(10);

/// Mails on their way at once. A slow mail server holds up this many.
pub const MAIL_SENDERS: usize = 4;

/// How long a session in memory counts before its row is read again (requirements A35). Endings
/// and changed rights do not wait for it.
pub const SESSION_CACHED_MAX: Duration = Duration::from_secs(3 * 3600);

/// How long after signing in a session alone may add a second factor; later the password is asked
/// for.
pub const PRESENCE_MAX: Duration = Duration::from_secs(10 * 60);

/// PBXs of an installation: each keeps a task and a connection.
pub const TRUNKS_MAX: usize = 100;

/// PBXs of a workspace.
pub const TRUNKS_PER_WORKSPACE_MAX: usize = 20;

/// How long the database may take to answer. Longer than SQLite waits for another process.
pub const DATABASE_ANSWER_MAX: Duration = Duration::from_secs(8);

/// How old the last news of other processes' endings may be; with older ones every check of a
/// cookie reads the database (requirements X4).
pub const SESSION_NEWS_AGE_MAX: Duration = Duration::from_secs(30);

/// How often a session may be noted to come from elsewhere: browsers with two addresses alternate.
pub const SESSION_MOVES_EVERY: Duration = Duration::from_secs(60);

/// Sessions whose last use is written in one transaction.
pub const SESSIONS_WRITTEN_AT_ONCE: usize = 500;

/// Changed rights kept before old ones are looked for. Each is kept for the life of a token.
pub const RIGHTS_CHANGED_MAX: usize = 10_000;

/// How far back changes by other processes are looked for, beyond the last look: rows are written
/// after their time is taken, and clocks differ.
pub const FOLLOW_LOOK_BACK: Duration = Duration::from_secs(5);

/// How long somebody has to show their second factor; a mailed code lives 10 minutes of it.
pub const LOGIN_ATTEMPT_LIFE: Duration = Duration::from_secs(15 * 60);

/// Codes mailed to one person in 15 minutes (SECURITY 4.6). More are not sent.
pub const EMAIL_CODES_MAX: u64 = 3;

/// Links of one kind mailed to one address in 15 minutes. More are not sent.
pub const MAIL_LINKS_MAX: u64 = 3;

/// The time in which mailed codes and links are counted.
pub const MAILS_COUNTED_IN: Duration = Duration::from_secs(15 * 60);

/// Life of a link that verifies a mail address (requirements A4).
pub const VERIFY_LINK_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Life of a link that sets a new password (requirements C8).
pub const RESET_LINK_LIFE: Duration = Duration::from_secs(3600);

/// Life of the link that makes the first administrator; each start of the server makes a new one.
pub const SET_UP_LINK_LIFE: Duration = Duration::from_secs(24 * 3600);

/// How long used and expired links and attempts are kept, to say what became of them.
pub const DEAD_LINKS_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long the login history is kept.
pub const LOGIN_HISTORY_KEPT: Duration = Duration::from_secs(400 * 24 * 3600);

/// Rows of one page of the login history, and of one read of its export.
pub const LOGIN_HISTORY_PAGE_MAX: u32 = 1000;

/// Most passkeys of one person. More are refused.
pub const PASSKEYS_MAX: usize = 10;

/// Longest name of a passkey, characters.
pub const PASSKEY_NAME_CHARS_MAX: usize = 60;

/// How long somebody has to touch their authenticator.
pub const PASSKEY_CHALLENGE_LIFE: Duration = Duration::from_secs(5 * 60);

/// Longest `clientDataJSON` of a passkey, bytes. Browsers send about 200.
pub const PASSKEY_CLIENT_DATA_BYTES_MAX: usize = 4096;

/// Longest attestation object, bytes. Without an attestation it has about 300, with one of a TPM
/// about 6000.
pub const PASSKEY_ATTESTATION_BYTES_MAX: usize = 16 * 1024;

/// Longest authenticator data, bytes: a long identifier, an RSA key of 4096 bits, extensions.
pub const PASSKEY_AUTHENTICATOR_DATA_BYTES_MAX: usize = 4096;

/// Longest identifier of a passkey, bytes (WebAuthn §4, "Credential ID").
pub const PASSKEY_CREDENTIAL_ID_BYTES_MAX: usize = 1023;

/// Longest signature of a passkey, bytes: RSA with 4096 bits.
pub const PASSKEY_SIGNATURE_BYTES_MAX: usize = 512;

/// Most transports kept of a passkey; there are seven.
pub const PASSKEY_TRANSPORTS_MAX: usize = 8;

/// Longest exemption from the second factor.
pub const EXEMPTION_MAX: Duration = Duration::from_secs(90 * 24 * 3600);

/// Longest reason for one, characters.
pub const REASON_CHARS_MAX: usize = 200;

/// Longest `User-Agent` kept, characters.
pub const USER_AGENT_CHARS_MAX: usize = 256;

/// How long an invitation can be accepted.
pub const INVITE_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Most open invitations of one workspace. More are refused: mail goes out for each.
pub const INVITES_OPEN_MAX: u64 = 1_000;

/// Rows of one page of a phone number's history.
pub const NUMBER_HISTORY_ROWS: i64 = 200;

/// Longest life of an API key that ends by itself, days.
pub const API_KEY_DAYS_MAX: u32 = 3_650;

/// How long an API key's copy in memory counts. Changes drop it at once; this bounds what would be
/// missed.
pub const API_KEY_CACHED_MAX: Duration = Duration::from_secs(60);

/// Most API keys kept in memory; others are read from the database at each request.
pub const API_KEYS_CACHED_MAX: usize = 10_000;

/// How stale the stored time of an API key's last use may be.
pub const API_KEY_TOUCH_EVERY: Duration = Duration::from_secs(60);

/// Most inquiries of strangers kept; more get 503 until old ones are forgotten.
pub const INQUIRIES_MAX: u64 = 20_000;

/// How long inquiries are kept.
pub const INQUIRY_KEPT: Duration = Duration::from_secs(365 * 24 * 3600);

/// Longest words of an inquiry, characters.
pub const INQUIRY_CHARS_MAX: usize = 4_000;

/// Largest time zone file read, bytes; the largest ones are 4 kB.
pub const TIME_ZONE_FILE_BYTES_MAX: u64 = 64 * 1024;

/// Most days of one report.
pub const REPORT_DAYS_MAX: i64 = 366;

/// Most rows of one export: what a spreadsheet opens, and no more than a few megabytes of memory.
pub const EXPORT_ROWS_MAX: i64 = 50_000;
