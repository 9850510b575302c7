"""The tables of work that one process at a time does; see also `tables.py`."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from pawsonalize.storage.tables import metadata

# Work that is claimed, given back, tried again and gone on with, of every kind; what is peculiar
# to a kind is in its payload. A row without a kind is a lease alone, and goes when it is free.
# Moments of other machines are never compared: a holder counts `beats` up, and is gone when they
# stop.
work = Table(
    "work",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("due_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("attempts", BigInteger, nullable=False),
    Column("error", Text),
    Column("worked_ms", BigInteger, nullable=False),
    Column("holder", Text),
    Column("token", BigInteger),
    Column("beats", BigInteger, nullable=False),
    Column("takings", BigInteger, nullable=False),
)
Index("work_by_age", work.c.kind, work.c.created_at)
# Little is due; what has ended is not in this index.
Index(
    "work_due",
    work.c.kind,
    work.c.queue,
    work.c.due_at,
    sqlite_where=work.c.due_at.is_not(None),
    postgresql_where=work.c.due_at.is_not(None),
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
