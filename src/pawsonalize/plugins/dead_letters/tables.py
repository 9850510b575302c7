"""The table of dead letters."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from pawsonalize.core.database.tables import metadata

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

TABLES = (dead_letters,)
