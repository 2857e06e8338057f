CREATE TABLE sessions (
    token_digest TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX sessions_of_user ON sessions (user_id, created_at);

CREATE TABLE passwords (
    subject_digest TEXT NOT NULL PRIMARY KEY,
    password_hash TEXT NOT NULL
);
