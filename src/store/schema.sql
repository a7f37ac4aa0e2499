-- One schema for SQLite and PostgreSQL: `open.rs` writes BLOB as BYTEA and INTEGER as BIGINT for
-- PostgreSQL and drops STRICT. Times are whole seconds since 1970 UTC, truth values 0 and 1,
-- identities 16 random bytes. Columns named *_sealed hold vault envelopes, columns named *_hash
-- hold digests; nothing secret is stored in any other form.

CREATE TABLE installation (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    install_id     BLOB    NOT NULL CHECK (length(install_id) = 16),
    root_key_id    TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    -- The first workspace: its administrators run the installation.
    home_workspace BLOB    CHECK (home_workspace IS NULL OR length(home_workspace) = 16)
) STRICT;

CREATE TABLE workspaces (
    id             BLOB    PRIMARY KEY CHECK (length(id) = 16),
    name           TEXT    NOT NULL UNIQUE,
    created_at     INTEGER NOT NULL,
    disabled       INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1))
) STRICT;

CREATE TABLE users (
    id                  BLOB    PRIMARY KEY CHECK (length(id) = 16),
    name                TEXT    NOT NULL UNIQUE,
    display_name        TEXT    NOT NULL,
    email               TEXT    UNIQUE,
    email_verified_at   INTEGER,
    -- Signed up by themselves: may not sign in before the address is verified.
    must_verify         INTEGER NOT NULL DEFAULT 0 CHECK (must_verify IN (0, 1)),
    password_hash       TEXT,
    password_changed_at INTEGER,
    -- PHC strings of former passwords, newest first, one a line.
    former_passwords    TEXT    NOT NULL DEFAULT '',
    time_zone           TEXT    NOT NULL DEFAULT 'UTC',
    pin_hash            TEXT,
    pin_failures        INTEGER NOT NULL DEFAULT 0,
    pin_locked_until    INTEGER NOT NULL DEFAULT 0,
    disabled            INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL
) STRICT;

CREATE TABLE memberships (
    workspace_id   BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id        BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role           TEXT    NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    level          INTEGER NOT NULL CHECK (level BETWEEN 1 AND 9),
    -- What their phones are rung at inside the workspace.
    number         TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    -- When role, level or number last changed: older tokens count for no more than the new ones.
    changed_at     INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, user_id),
    UNIQUE (workspace_id, number)
) STRICT;

CREATE INDEX memberships_of_user ON memberships (user_id);
CREATE INDEX memberships_changed ON memberships (changed_at);

-- token_hash is the SHA-256 of the cookie; none for sessions made for a minted token.
CREATE TABLE sessions (
    id             BLOB    PRIMARY KEY CHECK (length(id) = 16),
    user_id        BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    workspace_id   BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    token_hash     BLOB    UNIQUE CHECK (token_hash IS NULL OR length(token_hash) = 32),
    method         TEXT    NOT NULL,
    -- The second factor that was shown: totp, email, recovery; none when it was not asked.
    factor         TEXT,
    -- Good for setting up a second factor and nothing else.
    enrolling      INTEGER NOT NULL DEFAULT 0 CHECK (enrolling IN (0, 1)),
    created_at     INTEGER NOT NULL,
    last_seen_at   INTEGER NOT NULL,
    refreshed_at   INTEGER NOT NULL,
    -- Reports of previous days are open until then.
    pin_until      INTEGER NOT NULL DEFAULT 0,
    ended_at       INTEGER,
    ended_reason   TEXT,
    user_agent     TEXT,
    ip             TEXT
) STRICT;

CREATE INDEX sessions_of_user ON sessions (user_id, ended_at);
CREATE INDEX sessions_of_workspace ON sessions (workspace_id, created_at);
CREATE INDEX sessions_ended ON sessions (ended_at);

CREATE TABLE login_history (
    id             BLOB    PRIMARY KEY CHECK (length(id) = 16),
    at             INTEGER NOT NULL,
    -- login, failure, factor_failed, logout, expired, revoked, password_changed, disabled, replaced
    event          TEXT    NOT NULL,
    method         TEXT    NOT NULL,
    user_id        BLOB    REFERENCES users (id) ON DELETE CASCADE,
    workspace_id   BLOB    REFERENCES workspaces (id) ON DELETE CASCADE,
    session_id     BLOB,
    ip             TEXT,
    user_agent     TEXT
) STRICT;

CREATE INDEX login_history_of_workspace ON login_history (workspace_id, at);
CREATE INDEX login_history_of_user ON login_history (user_id, at);

-- Links sent by mail: kind is verify_email, reset_password or set_up.
CREATE TABLE mail_links (
    token_hash     BLOB    PRIMARY KEY CHECK (length(token_hash) = 32),
    kind           TEXT    NOT NULL,
    user_id        BLOB    REFERENCES users (id) ON DELETE CASCADE,
    email          TEXT,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    used_at        INTEGER,
    superseded     INTEGER NOT NULL DEFAULT 0 CHECK (superseded IN (0, 1))
) STRICT;

CREATE INDEX mail_links_of_user ON mail_links (user_id, kind);

-- A sign-in between password and second factor.
CREATE TABLE login_attempts (
    id_hash             BLOB    PRIMARY KEY CHECK (length(id_hash) = 32),
    user_id             BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    workspace_id        BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    method              TEXT    NOT NULL,
    created_at          INTEGER NOT NULL,
    expires_at          INTEGER NOT NULL,
    failures            INTEGER NOT NULL DEFAULT 0,
    email_code_hash     BLOB,
    email_code_at       INTEGER,
    email_code_failures INTEGER NOT NULL DEFAULT 0,
    email_codes_sent    INTEGER NOT NULL DEFAULT 0,
    done_at             INTEGER
) STRICT;

CREATE TABLE second_factors (
    user_id             BLOB    PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    totp_sealed         BLOB,
    totp_enabled_at     INTEGER,
    totp_pending_sealed BLOB,
    totp_last_step      INTEGER NOT NULL DEFAULT 0,
    last_used_at        INTEGER,
    last_method         TEXT,
    failures            INTEGER NOT NULL DEFAULT 0,
    failures_since      INTEGER NOT NULL DEFAULT 0,
    locked_until        INTEGER NOT NULL DEFAULT 0,
    exempt_until        INTEGER,
    exempt_reason       TEXT,
    exempt_by           BLOB
) STRICT;

CREATE TABLE recovery_codes (
    user_id        BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash      BLOB    NOT NULL CHECK (length(code_hash) = 32),
    used_at        INTEGER,
    PRIMARY KEY (user_id, code_hash)
) STRICT;

-- Accounts at identity providers.
CREATE TABLE identities (
    issuer         TEXT    NOT NULL,
    subject        TEXT    NOT NULL,
    user_id        BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider       TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT;

CREATE INDEX identities_of_user ON identities (user_id);

CREATE TABLE invites (
    id             BLOB    PRIMARY KEY CHECK (length(id) = 16),
    workspace_id   BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    email          TEXT    NOT NULL,
    role           TEXT    NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    level          INTEGER NOT NULL CHECK (level BETWEEN 1 AND 9),
    number         TEXT    NOT NULL,
    token_hash     BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    invited_by     BLOB,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    accepted_at    INTEGER,
    revoked_at     INTEGER
) STRICT;

CREATE INDEX invites_of_workspace ON invites (workspace_id, created_at);

CREATE TABLE numbers (
    id             BLOB    PRIMARY KEY CHECK (length(id) = 16),
    workspace_id   BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    number         TEXT    NOT NULL,
    label          TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    UNIQUE (workspace_id, number)
) STRICT;

CREATE TABLE number_access (
    number_id      BLOB    NOT NULL REFERENCES numbers (id) ON DELETE CASCADE,
    user_id        BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    access         TEXT    NOT NULL CHECK (access IN ('owner', 'shared', 'view')),
    PRIMARY KEY (number_id, user_id)
) STRICT;

CREATE INDEX number_access_of_user ON number_access (user_id);

-- key_hash is the SHA-256 of the whole key.
CREATE TABLE api_keys (
    id             BLOB    PRIMARY KEY CHECK (length(id) = 16),
    workspace_id   BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id        BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    prefix         TEXT    NOT NULL UNIQUE,
    key_hash       BLOB    NOT NULL CHECK (length(key_hash) = 32),
    masked         TEXT    NOT NULL,
    scopes         TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER,
    last_used_at   INTEGER,
    last_used_ip   TEXT,
    revoked_at     INTEGER
) STRICT;

CREATE UNIQUE INDEX api_keys_name ON api_keys (workspace_id, name) WHERE revoked_at IS NULL;

-- One row per value that differs from its preset; value is JSON.
CREATE TABLE settings (
    workspace_id   BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    key            TEXT    NOT NULL,
    value          TEXT    NOT NULL,
    updated_at     INTEGER NOT NULL,
    updated_by     BLOB,
    PRIMARY KEY (workspace_id, key)
) STRICT;

CREATE INDEX settings_updated ON settings (updated_at);

-- Third-party secrets that must be replayed: smtp, oidc, ami, turn, webhook.
CREATE TABLE secrets (
    id             BLOB    PRIMARY KEY CHECK (length(id) = 16),
    workspace_id   BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    kind           TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    value_sealed   BLOB    NOT NULL,
    updated_at     INTEGER NOT NULL,
    UNIQUE (workspace_id, kind, name)
) STRICT;

-- Key-encryption keys are derived, never stored: only their numbers and states are.
CREATE TABLE vault_keys (
    purpose        TEXT    NOT NULL,
    key_id         INTEGER NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('active', 'retiring', 'retired')),
    created_at     INTEGER NOT NULL,
    retired_at     INTEGER,
    PRIMARY KEY (purpose, key_id)
) STRICT;

CREATE TABLE audit (
    seq            INTEGER PRIMARY KEY,
    at             INTEGER NOT NULL,
    actor_kind     TEXT    NOT NULL,
    actor_id       BLOB,
    workspace_id   BLOB,
    action         TEXT    NOT NULL,
    target_kind    TEXT    NOT NULL,
    target_id      TEXT    NOT NULL,
    ip             TEXT,
    details        TEXT    NOT NULL,
    row_hash       BLOB    NOT NULL CHECK (length(row_hash) = 32)
) STRICT;

CREATE INDEX audit_of_workspace ON audit (workspace_id, seq);

CREATE TABLE audit_head (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    seq            INTEGER NOT NULL,
    row_hash       BLOB    NOT NULL CHECK (length(row_hash) = 32),
    key_sealed     BLOB    NOT NULL
) STRICT;

CREATE TABLE audit_checkpoints (
    seq            INTEGER PRIMARY KEY,
    at             INTEGER NOT NULL,
    row_hash       BLOB    NOT NULL CHECK (length(row_hash) = 32),
    signature      BLOB    NOT NULL
) STRICT;

-- Contact forms and bookings of demonstrations.
CREATE TABLE inquiries (
    id             BLOB    PRIMARY KEY CHECK (length(id) = 16),
    kind           TEXT    NOT NULL CHECK (kind IN ('contact', 'demo')),
    created_at     INTEGER NOT NULL,
    name           TEXT    NOT NULL,
    email          TEXT    NOT NULL,
    words          TEXT    NOT NULL,
    wanted_at      TEXT    NOT NULL,
    ip             TEXT
) STRICT;

CREATE TABLE billing_contacts (
    workspace_id   BLOB    PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    email          TEXT    NOT NULL,
    address        TEXT    NOT NULL,
    tax_number     TEXT    NOT NULL,
    updated_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE calls (
    id             BLOB    PRIMARY KEY CHECK (length(id) = 16),
    workspace_id   BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id        BLOB    REFERENCES users (id) ON DELETE SET NULL,
    number_id      BLOB    REFERENCES numbers (id) ON DELETE SET NULL,
    direction      TEXT    NOT NULL CHECK (direction IN ('out', 'in', 'internal')),
    caller         TEXT    NOT NULL,
    callee         TEXT    NOT NULL,
    started_at     INTEGER NOT NULL,
    answered_at    INTEGER,
    ended_at       INTEGER NOT NULL,
    cause          TEXT    NOT NULL
) STRICT;

CREATE INDEX calls_of_workspace ON calls (workspace_id, started_at);
CREATE INDEX calls_of_number ON calls (number_id, started_at);

-- password_sealed is a vault envelope bound to this table, column and row.
CREATE TABLE trunks (
    id              BLOB    PRIMARY KEY CHECK (length(id) = 16),
    workspace_id    BLOB    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name            TEXT    NOT NULL UNIQUE,
    source          TEXT    NOT NULL CHECK (source IN ('config', 'store')),
    host            TEXT    NOT NULL,
    port            INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
    username        TEXT,
    password_sealed BLOB,
    ca_pem          TEXT,
    media           TEXT    NOT NULL CHECK (media IN ('srtp', 'rtp')),
    codecs          TEXT    NOT NULL,
    register        INTEGER NOT NULL CHECK (register IN (0, 1)),
    domain          TEXT,
    state           TEXT    NOT NULL DEFAULT 'unknown',
    state_detail    TEXT    NOT NULL DEFAULT '',
    state_at        INTEGER NOT NULL DEFAULT 0,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;
