"""The tables by which several machines share one service; see also `tables.py`."""

from sqlalchemy import BigInteger, Boolean, Column, Table, Text

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

# What the training table of each dataset group holds: all events up to an offset, with the facets
# that `reader` names. Without a row it is made anew.
training_tables = Table(
    "training_tables",
    metadata,
    Column("dataset_group", Text, primary_key=True),
    Column("through", BigInteger, nullable=False),
    Column("reader", Text, nullable=False),
)

# Its files in the archive's store. Each has the events from `first` to `last`. One that is not in
# the table is being written, or was when its process died.
training_files = Table(
    "training_files",
    metadata,
    Column("key", Text, primary_key=True),
    Column("dataset_group", Text, nullable=False, index=True),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("is_in", Boolean, nullable=False),
)
