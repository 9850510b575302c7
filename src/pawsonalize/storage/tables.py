"""The tables. Moments are milliseconds since 1970. JSON is kept as text, as it was sent."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from pawsonalize.domain.events import DEFAULT_DATASET_GROUP

metadata = MetaData()

REVISION = "0023"
"""The newest of `migrations/versions`, which brings older tables to these."""

# SQLite counts rows itself only in a column that is literally INTEGER.
_OFFSET = BigInteger().with_variant(Integer, "sqlite")


def _dataset_group(*, primary_key: bool = False) -> Column[str]:
    return Column(
        "dataset_group",
        Text,
        primary_key=primary_key,
        nullable=False,
        server_default=DEFAULT_DATASET_GROUP,
    )


events = Table(
    "events",
    metadata,
    Column("offset", _OFFSET, primary_key=True, autoincrement=True),
    Column("event_id", Text, nullable=False),
    Column("user_id", Text),
    Column("session_id", Text),
    Column("event_type", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("animal_id", Text),
    Column("event_value", Float),
    Column("recommendation_id", Text),
    Column("impression", Text),
    Column("properties", Text),
    _dataset_group(),
    # The dataset group comes second. If it came first, a read of a group in the order of the log
    # might use this index, gather the whole group and sort it.
    UniqueConstraint("event_id", "dataset_group", name="one_event_of_an_id"),
    sqlite_autoincrement=True,  # an offset is never given twice, even after erasure
)
# An event with a user is found by its user. Only anonymous events are looked up by session.
# In SQLite the index holds all that answers read of an event: each of them would be a page of its
# own. In PostgreSQL long ids might not fit.
_READ = (events.c.user_id, events.c.item_id, events.c.event_type, events.c.event_value)
for _name, _owner, _condition in (
    ("events_by_user", events.c.user_id, events.c.user_id.is_not(None)),
    ("events_by_session", events.c.session_id, events.c.user_id.is_(None)),
):
    _key = (_owner, events.c.dataset_group, events.c.sent_at, events.c.offset)
    _read = [column for column in _READ if column is not _owner]
    Index(_name, *_key, *_read, sqlite_where=_condition).ddl_if(dialect="sqlite")
    Index(_name, *_key, postgresql_where=_condition).ddl_if(dialect="postgresql")

sessions = Table(
    "sessions",
    metadata,
    _dataset_group(primary_key=True),
    Column("session_id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("bound_at", BigInteger, nullable=False),
    # Whether events without the user have left for the archive: then whose they are is kept.
    Column("is_archived", Boolean, nullable=False, server_default=false()),
)
# Holds all that a history reads of a user's sessions, so the table itself is not read.
Index(
    "sessions_by_user",
    sessions.c.user_id,
    sessions.c.dataset_group,
    sessions.c.bound_at,
    sessions.c.session_id,
)

items = Table(
    "items",
    metadata,
    _dataset_group(primary_key=True),
    Column("item_id", Text, primary_key=True),
    Column("attributes", Text, nullable=False),
    Column("created_at", BigInteger),
)

users = Table(
    "users",
    metadata,
    _dataset_group(primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("attributes", Text, nullable=False),
)

schemas = Table(
    "schemas",
    metadata,
    _dataset_group(primary_key=True),
    Column("dataset", Text, primary_key=True),
    Column("fields", Text, nullable=False),
)

# What statements ask for has a column; all else is in the record.
animals = Table(
    "animals",
    metadata,
    Column("animal_id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("species", Text, nullable=False),
    Column("shelter", Text, nullable=False),
    Column("listed_at", BigInteger, nullable=False, index=True),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("record", Text, nullable=False),
)
Index("animals_by_source", animals.c.source, animals.c.status)

stays = Table(
    "stays",
    metadata,
    Column("animal_id", Text, primary_key=True),
    Column("since", BigInteger, primary_key=True, autoincrement=False),
    Column("until", BigInteger, nullable=False),
    Column("item_id", Text, nullable=False),
)
Index("stays_by_item", stays.c.item_id, stays.c.until, stays.c.since, stays.c.animal_id)
Index("stays_by_end", stays.c.until, stays.c.item_id)
Index("stays_by_start", stays.c.since, stays.c.item_id)

# The last change of each item's availability. The greatest revision is that of the whole.
availability_changes = Table(
    "availability_changes",
    metadata,
    Column("item_id", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)
Index(
    "availability_changes_by_revision", availability_changes.c.revision, availability_changes.c.at
)

# The last change of each animal that was available then or later, deleted ones included.
animal_changes = Table(
    "animal_changes",
    metadata,
    Column("animal_id", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False, index=True),
)

# The ids are packed, and what was shown is compressed: see `Packer`.
impressions = Table(
    "impressions",
    metadata,
    Column("recommendation_id", LargeBinary, primary_key=True),
    Column("question", Text, nullable=False),
    Column("user_id", Text),
    Column("session_id", Text),
    Column("answered_at", BigInteger, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("solution_version", Text, nullable=False),
    _dataset_group(),
    Column("animal_ids", LargeBinary),
    Column("places", LargeBinary, nullable=False),
)
# The pages of animals that a visitor was shown are read for the visitor's next answer. Answers of
# all dataset groups share these indexes: few visitors are in two.
for _visitor in ("user_id", "session_id"):
    Index(
        f"pages_by_{_visitor.removesuffix('_id')}",
        impressions.c[_visitor],
        impressions.c.as_of,
        sqlite_where=impressions.c.animal_ids.is_not(None),
        postgresql_where=impressions.c.animal_ids.is_not(None),
    )

# All pages of animals are read in the order of their ids, which is that of time.
Index(
    "pages_in_order",
    impressions.c.recommendation_id,
    sqlite_where=impressions.c.animal_ids.is_not(None),
    postgresql_where=impressions.c.animal_ids.is_not(None),
)

# How often each animal was shown, and when that was last counted.
animal_exposures = Table(
    "animal_exposures",
    metadata,
    Column("animal_id", Text, primary_key=True),
    Column("shown", BigInteger, nullable=False),
    Column("counted_at", BigInteger, nullable=False, index=True),
)

exposures = Table(
    "exposures",
    metadata,
    _dataset_group(primary_key=True),
    Column("item_id", Text, primary_key=True),
    Column("shown", Float, nullable=False),
)

resources = Table(
    "resources",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("parent", Text),
    Column("status", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("failure_reason", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
)
Index(
    "resources_by_age",
    resources.c.kind,
    resources.c.created_at,
    resources.c.name,
)
Index("resources_by_status", resources.c.kind, resources.c.status)

archive_segments = Table(
    "archive_segments",
    metadata,
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("sha256", Text),
)

# Objects whose rows are in another one by now, and since when.
archive_leftovers = Table(
    "archive_leftovers",
    metadata,
    Column("key", Text, primary_key=True),
    Column("since", BigInteger, nullable=False),
)

# How the events of a span of offsets came in, packed; deleted once they are in the archive.
raw_events = Table(
    "raw_events",
    metadata,
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("packed", LargeBinary, nullable=False),
)

# Offsets of the log that mean something, such as up to which events have left the table.
log_marks = Table(
    "log_marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("offset", BigInteger, nullable=False),
)

# Which visitors the objects of the archive hold: 8 bytes of each one's hash, as one value.
archive_index = Table(
    "archive_index",
    metadata,
    Column("key", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("visitors", LargeBinary, nullable=False),
)

# Each step that is done has its moment.
erasures = Table(
    "erasures",
    metadata,
    Column("erasure_id", Text, primary_key=True),
    _dataset_group(),
    Column("noted_at", BigInteger, nullable=False, index=True),
    Column("through", BigInteger, nullable=False),
    Column("deleted", BigInteger, nullable=False),
    Column("note_at", BigInteger),
    Column("tables_at", BigInteger),
    Column("archive_at", BigInteger),
    Column("models_at", BigInteger),
    Column("files_at", BigInteger),
    Column("names_at", BigInteger),
    Column("remains_at", BigInteger),
    Column("done_at", BigInteger),
    Column("attempts", BigInteger, nullable=False),
    Column("next_attempt_at", BigInteger, index=True),
    Column("troubles", Text, nullable=False),
    Column("files", Text, nullable=False),
)

# Whom an erasure erases. The name is forgotten as soon as only the archive is left.
erased_visitors = Table(
    "erased_visitors",
    metadata,
    Column("erasure_id", Text, primary_key=True),
    Column("visitor", Text, primary_key=True),
    Column("kind", Text),
    Column("name", Text),
)
Index("erased_visitors_by_hash", erased_visitors.c.visitor, erased_visitors.c.erasure_id)

# What goes wrong and lasts.
problems = Table(
    "problems",
    metadata,
    Column("name", Text, primary_key=True),
    Column("message", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("told_at", BigInteger),
)

# Who changed what.
audit_log = Table(
    "audit_log",
    metadata,
    Column("number", _OFFSET, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("target", Text),
    Column("outcome", Text, nullable=False),
)


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
