-- Passkeys (WebAuthn), in the dialect of schema.sql.

CREATE TABLE passkeys (
    id             BLOB    PRIMARY KEY CHECK (length(id) = 16),
    user_id        BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    credential_id  BLOB    NOT NULL UNIQUE CHECK (length(credential_id) BETWEEN 1 AND 1023),
    -- COSE_Key.
    public_key     BLOB    NOT NULL,
    sign_count     INTEGER NOT NULL,
    name           TEXT    NOT NULL,
    -- How browsers reach it, words with spaces between.
    transports     TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    last_used_at   INTEGER
) STRICT;

CREATE INDEX passkeys_of_user ON passkeys (user_id);

-- What a sign-in or a session was asked to sign: one each, spent by the first answer. bound_to is a
-- SHA-256 of what for and whose.
CREATE TABLE passkey_challenges (
    bound_to       BLOB    PRIMARY KEY CHECK (length(bound_to) = 32),
    user_id        BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    challenge_hash BLOB    NOT NULL CHECK (length(challenge_hash) = 32),
    expires_at     INTEGER NOT NULL
) STRICT;

CREATE INDEX passkey_challenges_expired ON passkey_challenges (expires_at);
