"""The tables of what comes from streams, and of what could not be taken; see also `tables.py`."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, LargeBinary, Table, Text

from pawsonalize.storage.tables import metadata

# Which shard of a stream is read by whom, and how far. Moments of other machines are never
# compared: who reads a shard counts `beats` up, and is gone when they stop.
stream_shards = Table(
    "stream_shards",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("shard", Text, primary_key=True),
    Column("parents", Text, nullable=False),
    Column("holder", Text),
    Column("wanted_by", Text),
    Column("beats", BigInteger, nullable=False),
    Column("position", Text),
    Column("is_ended", Boolean, nullable=False),
    Column("lag_seconds", Float),
    Column("lag_messages", BigInteger),
    Column("looked_at", BigInteger),
)

# What could not be taken. Its id comes of source and position: what a stream brings again is no
# second letter.
dead_letters = Table(
    "dead_letters",
    metadata,
    Column("letter_id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("position", Text),
    Column("dataset_group", Text, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("field", Text),
    Column("raw", LargeBinary, nullable=False),
    Column("mended", LargeBinary),
    # Hashes of the visitors that it seems to be about, 16 bytes each.
    Column("visitors", LargeBinary, nullable=False),
    # The archive's object that it is to be in, and when it was written.
    Column("archived_in", Text),
    Column("archived_at", BigInteger),
)
Index("dead_letters_to_archive", dead_letters.c.archived_at, dead_letters.c.archived_in)

# How the events of a span of offsets came in, packed; deleted once they are in the archive.
raw_events = Table(
    "raw_events",
    metadata,
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("packed", LargeBinary, nullable=False),
)
