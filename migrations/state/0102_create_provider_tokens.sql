-- Permissions to act for a person at another house, like Weibo; secrets.
CREATE TABLE provider_tokens (
    user_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    token TEXT NOT NULL,
    expires_at BIGINT NOT NULL, -- milliseconds since 1970, UTC
    PRIMARY KEY (user_id, provider)
);
