"""The tables by which several machines share one service; see also `tables.py`."""

from sqlalchemy import BigInteger, Column, Table, Text

from pawsonalize.storage.tables import metadata

# Who does what may be done once at a time. Moments of other machines are never compared: a holder
# counts `beats` up, and is gone when they stop. Each taking raises `token`.
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text),
    Column("token", BigInteger, nullable=False),
    Column("beats", BigInteger, nullable=False),
)

# The artefacts in the object store; what is not listed here was never finished, or is removed.
artefacts = Table(
    "artefacts",
    metadata,
    Column("location", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
)

# What each dataset group used on each day (days since 1970, UTC), and what it was counted to have.
# `events` and `trainings` are exact: limits are kept by them.
dataset_group_days = Table(
    "dataset_group_days",
    metadata,
    Column("dataset_group", Text, primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    *(
        Column(name, BigInteger, nullable=False, server_default="0")
        for name in (
            "requests",
            "refused",
            "answer_ms",
            "events",
            "events_refused",
            "trainings",
            "training_ms",
        )
    ),
)

# What each dataset group has stored: events in the table, and the bytes of its models. Up to which
# offset events are counted, and since when, is in `log_marks`.
dataset_group_sizes = Table(
    "dataset_group_sizes",
    metadata,
    Column("dataset_group", Text, primary_key=True),
    Column("events", BigInteger, nullable=False),
    Column("model_bytes", BigInteger, nullable=False),
)

# Whose turn it is: of each kind of work, when each dataset group last had one. Turns are counted
# up, so that no clock decides.
turns = Table(
    "turns",
    metadata,
    Column("work", Text, primary_key=True),
    Column("dataset_group", Text, primary_key=True),
    Column("turn", BigInteger, nullable=False),
)
