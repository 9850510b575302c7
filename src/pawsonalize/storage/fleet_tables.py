"""The tables by which several machines share one service; see also `tables.py`."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

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

# The processes that serve, work or consume. As with leases, nobody's clock is compared with
# another's: `beats` is counted up, and who has stopped counting is gone.
servers = Table(
    "servers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("port", Integer),
    Column("roles", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("connections", Integer, nullable=False),
    Column("serves", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("beats", BigInteger, nullable=False),
)

# What every program on these tables must agree with, by name: see `revisions.py`.
agreements = Table(
    "agreements",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
