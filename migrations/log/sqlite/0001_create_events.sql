-- Every event, in the order of commits. Positions are given by the writer: 1, 2, 3, without gaps.
CREATE TABLE events (
    position INTEGER PRIMARY KEY CHECK (position > 0),
    stream TEXT NOT NULL,
    revision INTEGER NOT NULL CHECK (revision >= 0), -- in its stream, from 0
    id TEXT NOT NULL, -- UUID with hyphens
    type TEXT NOT NULL, -- pinned name, like checkin.checked-in.v1
    schema_version INTEGER NOT NULL, -- of the shape of data within that name
    time INTEGER NOT NULL, -- milliseconds since 1970, UTC
    data TEXT NOT NULL, -- JSON object
    metadata TEXT NOT NULL, -- JSON object: causation, correlation, actor
    UNIQUE (stream, revision),
    UNIQUE (stream, id)
) STRICT;
