-- How far each SQL read model has come. A row named `<model>__next` belongs to the copy that a
-- rebuild makes beside the one that serves. The tables of the models are not made here: each
-- model makes its own, and may throw them away.
CREATE TABLE checkpoints (
    name TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    position BIGINT NOT NULL
);
