"""The table of the shards of streams."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Table, Text

from pawsonalize.core.database.tables import metadata

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

TABLES = (stream_shards,)
