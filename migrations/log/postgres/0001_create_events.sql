-- Every event, in the order of commits. Positions are given by the writer that holds the lock of
-- the log: 1, 2, 3, without gaps.
CREATE TABLE events (
    position BIGINT PRIMARY KEY CHECK (position > 0),
    stream TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL CHECK (revision >= 0), -- in its stream, from 0
    id UUID NOT NULL,
    type TEXT NOT NULL, -- pinned name, like checkin.checked-in.v1
    schema_version BIGINT NOT NULL, -- of the shape of data within that name
    time BIGINT NOT NULL, -- milliseconds since 1970, UTC
    data TEXT NOT NULL, -- JSON object
    metadata TEXT NOT NULL, -- JSON object: causation, correlation, actor
    UNIQUE (stream, revision),
    UNIQUE (stream, id)
);
