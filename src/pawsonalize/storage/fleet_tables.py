"""The tables by which several machines share one service; see also `tables.py`."""

from sqlalchemy import BigInteger, Column, Table, Text

from pawsonalize.storage.tables import metadata

# Who does what only one may do at a time; a free lease has no row. Moments of other machines are
# never compared: a holder counts `beats` up, and is gone when they stop.
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("beats", BigInteger, nullable=False),
    Column("takings", BigInteger, nullable=False),
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
