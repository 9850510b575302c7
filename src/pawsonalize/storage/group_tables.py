"""The tables of dataset groups' figures."""

from sqlalchemy import BigInteger, Column, Table, Text

from pawsonalize.storage.tables import metadata

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
