"""The tables of work that one process at a time does; see also `tables.py`."""

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

# Whose turn it is: of each kind of work, when each dataset group last had one. Turns are counted
# up, so that no clock decides.
turns = Table(
    "turns",
    metadata,
    Column("work", Text, primary_key=True),
    Column("dataset_group", Text, primary_key=True),
    Column("turn", BigInteger, nullable=False),
)
