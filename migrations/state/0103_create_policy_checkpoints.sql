-- How far each policy has come in the log: everything up to there is done.
CREATE TABLE policy_checkpoints (
    policy TEXT NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL
);
