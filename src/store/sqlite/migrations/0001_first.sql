-- Times are whole seconds since 1970 UTC; identities are 16 random bytes.

CREATE TABLE installation (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    install_id    BLOB    NOT NULL CHECK (length(install_id) = 16),
    root_key_id   TEXT    NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id            BLOB    PRIMARY KEY CHECK (length(id) = 16),
    name          TEXT    NOT NULL UNIQUE,
    display_name  TEXT    NOT NULL,
    email         TEXT    UNIQUE,
    number        TEXT    NOT NULL UNIQUE,
    level         INTEGER NOT NULL CHECK (level BETWEEN 1 AND 9),
    password_hash TEXT,
    disabled      INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

-- token_hash is the SHA-256 of the cookie; none for sessions made for a minted token.
CREATE TABLE sessions (
    id            BLOB    PRIMARY KEY CHECK (length(id) = 16),
    user_id       BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash    BLOB    UNIQUE CHECK (token_hash IS NULL OR length(token_hash) = 32),
    method        TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    ended_at      INTEGER,
    ended_reason  TEXT,
    user_agent    TEXT,
    ip            TEXT
) STRICT;

CREATE INDEX sessions_of_user ON sessions (user_id, ended_at);
CREATE INDEX sessions_ended ON sessions (ended_at);

-- password_sealed is a vault envelope bound to this table, column and row.
CREATE TABLE trunks (
    id              BLOB    PRIMARY KEY CHECK (length(id) = 16),
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
