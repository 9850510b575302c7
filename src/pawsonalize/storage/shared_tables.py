"""The tables by which several machines share one service; see also `tables.py`."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text

from pawsonalize.storage.tables import metadata

# The artefacts in the object store, each below the name of the draft that it was written as; what
# is not listed here was never finished, or is removed.
artefacts = Table(
    "artefacts",
    metadata,
    Column("location", Text, primary_key=True),
    Column("draft", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
)

# What the training table of each dataset group holds: all events up to an offset, with the facets
# that `reader` names. Those up to `start` had left the log when it was begun. Without a row it is
# made anew.
training_tables = Table(
    "training_tables",
    metadata,
    Column("dataset_group", Text, primary_key=True),
    Column("start", BigInteger, nullable=False),
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

# Objects that are no artefact yet, or no longer.
artefact_drafts = Table(
    "artefact_drafts",
    metadata,
    Column("draft", Text, primary_key=True),
    Column("location", Text, nullable=False),
    Column("state", Text, nullable=False),
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
