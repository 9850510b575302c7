"""The tables. Moments are milliseconds since 1970. JSON is kept as text, as it was sent."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
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
from sqlalchemy.types import TypeEngine

from pawsonalize.domain.events import DEFAULT_DATASET_GROUP

metadata = MetaData()

REVISION = "0023"
"""The newest of `migrations/versions`, which brings older tables to these."""

# SQLite counts rows itself only in a column that is literally INTEGER.
_OFFSET = BigInteger().with_variant(Integer, "sqlite")
_Type = type[TypeEngine[Any]]


def _dataset_group(*, primary_key: bool = False) -> Column[str]:
    default = DEFAULT_DATASET_GROUP
    return Column(
        "dataset_group", Text, primary_key=primary_key, nullable=False, server_default=default
    )


def _keys(*names: str, of: _Type = Text) -> list[Column[Any]]:
    return [Column(name, of, primary_key=True, autoincrement=False) for name in names]


def _columns(of: _Type, *names: str) -> list[Column[Any]]:
    return [Column(name, of, nullable=False) for name in names]


def _optional(of: _Type, *names: str) -> list[Column[Any]]:
    return [Column(name, of) for name in names]


def _only(condition: ColumnElement[bool]) -> dict[str, Any]:
    """Return the options of an index of the rows that fulfil the condition."""
    return {"sqlite_where": condition, "postgresql_where": condition}


events = Table(
    "events",
    metadata,
    Column("offset", _OFFSET, primary_key=True, autoincrement=True),
    *_columns(Text, "event_id"),
    *_optional(Text, "user_id", "session_id"),
    *_columns(Text, "event_type", "item_id"),
    *_columns(BigInteger, "sent_at", "received_at"),
    *_optional(Text, "animal_id"),
    *_optional(Float, "event_value"),
    *_optional(Text, "recommendation_id", "impression", "properties"),
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
    *_keys("session_id"),
    *_columns(Text, "user_id"),
    *_columns(BigInteger, "bound_at"),
    # Whether events without the user have left for the archive: then their owner is kept.
    Column("is_archived", Boolean, nullable=False, server_default=false()),
)
# Holds all that a history reads of a user's sessions, so the table itself is not read.
_OF_SESSION = (sessions.c.dataset_group, sessions.c.bound_at, sessions.c.session_id)
Index("sessions_by_user", sessions.c.user_id, *_OF_SESSION)

items = Table(
    "items",
    metadata,
    _dataset_group(primary_key=True),
    *_keys("item_id"),
    *_columns(Text, "attributes"),
    *_optional(BigInteger, "created_at"),
)
users = Table(
    "users",
    metadata,
    _dataset_group(primary_key=True),
    *_keys("user_id"),
    *_columns(Text, "attributes"),
)
schemas = Table(
    "schemas",
    metadata,
    _dataset_group(primary_key=True),
    *_keys("dataset"),
    *_columns(Text, "fields"),
)

# What statements ask for has a column; all else is in the record.
animals = Table(
    "animals",
    metadata,
    *_keys("animal_id"),
    *_columns(Text, "source", "status", "species", "shelter"),
    Column("listed_at", BigInteger, nullable=False, index=True),
    *_optional(Float, "latitude", "longitude"),
    *_columns(Text, "record"),
)
Index("animals_by_source", animals.c.source, animals.c.status)

stays = Table(
    "stays",
    metadata,
    *_keys("animal_id"),
    *_keys("since", of=BigInteger),
    *_columns(BigInteger, "until"),
    *_columns(Text, "item_id"),
)
Index("stays_by_item", stays.c.item_id, stays.c.until, stays.c.since, stays.c.animal_id)
Index("stays_by_end", stays.c.until, stays.c.item_id)
Index("stays_by_start", stays.c.since, stays.c.item_id)

# The last change of each item's availability. The greatest revision is that of the whole.
availability_changes = Table(
    "availability_changes", metadata, *_keys("item_id"), *_columns(BigInteger, "revision", "at")
)
_CHANGES = availability_changes.c
Index("availability_changes_by_revision", _CHANGES.revision, _CHANGES.at)

# The last change of each animal that was available then or later, deleted ones included.
animal_changes = Table(
    "animal_changes",
    metadata,
    *_keys("animal_id"),
    Column("revision", BigInteger, nullable=False, index=True),
)

# The ids are packed, and what was shown is compressed: see `events/impressions.py`.
impressions = Table(
    "impressions",
    metadata,
    *_keys("recommendation_id", of=LargeBinary),
    *_columns(Text, "question"),
    *_optional(Text, "user_id", "session_id"),
    *_columns(BigInteger, "answered_at", "as_of"),
    *_columns(Text, "solution_version"),
    _dataset_group(),
    *_optional(LargeBinary, "animal_ids"),
    *_columns(LargeBinary, "places"),
)
# The pages of animals that a visitor was shown are read for the visitor's next answer. Answers of
# all dataset groups share these indexes: few visitors are in two.
_PAGES = _only(impressions.c.animal_ids.is_not(None))
Index("pages_by_user", impressions.c.user_id, impressions.c.as_of, **_PAGES)
Index("pages_by_session", impressions.c.session_id, impressions.c.as_of, **_PAGES)
# All pages of animals are read in the order of their ids, which is that of time.
Index("pages_in_order", impressions.c.recommendation_id, **_PAGES)

# How often each animal was shown, and when that was last counted.
animal_exposures = Table(
    "animal_exposures",
    metadata,
    *_keys("animal_id"),
    *_columns(BigInteger, "shown"),
    Column("counted_at", BigInteger, nullable=False, index=True),
)
exposures = Table(
    "exposures",
    metadata,
    _dataset_group(primary_key=True),
    *_keys("item_id"),
    *_columns(Float, "shown"),
)

resources = Table(
    "resources",
    metadata,
    *_keys("kind", "name"),
    *_optional(Text, "parent"),
    *_columns(Text, "status", "body"),
    *_optional(Text, "failure_reason"),
    *_columns(BigInteger, "created_at", "updated_at", "revision"),
)
Index("resources_by_age", resources.c.kind, resources.c.created_at, resources.c.name)
Index("resources_by_status", resources.c.kind, resources.c.status)

archive_segments = Table(
    "archive_segments",
    metadata,
    *_keys("first", of=BigInteger),
    *_columns(BigInteger, "last", "rows"),
    Column("key", Text, nullable=False, unique=True),
    *_optional(Text, "sha256"),
)
# Objects whose rows are in another one by now, and since when.
archive_leftovers = Table(
    "archive_leftovers", metadata, *_keys("key"), *_columns(BigInteger, "since")
)
# The events of a span of offsets as they came in, packed; deleted once they are in the archive.
raw_events = Table(
    "raw_events",
    metadata,
    *_keys("first", of=BigInteger),
    *_columns(BigInteger, "last"),
    *_columns(LargeBinary, "packed"),
)
# Offsets of the log that mean something, such as up to which events have left the table.
log_marks = Table("log_marks", metadata, *_keys("name"), *_columns(BigInteger, "offset"))
# Which visitors the objects of the archive hold: 8 bytes of each one's hash, as one value.
archive_index = Table(
    "archive_index",
    metadata,
    *_keys("key"),
    *_columns(BigInteger, "size"),
    *_columns(LargeBinary, "visitors"),
)

# Each step that is done has its moment.
erasures = Table(
    "erasures",
    metadata,
    *_keys("erasure_id"),
    _dataset_group(),
    Column("noted_at", BigInteger, nullable=False, index=True),
    *_columns(BigInteger, "through", "deleted"),
    *_optional(BigInteger, "note_at", "tables_at", "archive_at", "models_at", "files_at"),
    *_optional(BigInteger, "names_at", "remains_at", "done_at"),
    *_columns(BigInteger, "attempts"),
    Column("next_attempt_at", BigInteger, index=True),
    *_columns(Text, "troubles", "files"),
)
# The visitors of an erasure. The name is forgotten as soon as only the archive is left.
erased_visitors = Table(
    "erased_visitors", metadata, *_keys("erasure_id", "visitor"), *_optional(Text, "kind", "name")
)
Index("erased_visitors_by_hash", erased_visitors.c.visitor, erased_visitors.c.erasure_id)

# What goes wrong and lasts.
problems = Table(
    "problems",
    metadata,
    *_keys("name"),
    *_columns(Text, "message"),
    *_columns(BigInteger, "since", "last_seen"),
    *_optional(BigInteger, "expires_at", "told_at"),
)
# Who changed what.
audit_log = Table(
    "audit_log",
    metadata,
    Column("number", _OFFSET, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False, index=True),
    *_columns(Text, "who", "what"),
    *_optional(Text, "target"),
    *_columns(Text, "outcome"),
)

# Work that is claimed, given back, tried again and gone on with, of every kind; what is peculiar
# to a kind is in its payload. A row without a kind is a lease alone, and goes when it is free.
# Moments of other machines are never compared: a holder counts `beats` up, and is gone when they
# stop.
work = Table(
    "work",
    metadata,
    *_keys("name"),
    *_columns(Text, "kind", "queue", "state", "payload"),
    *_columns(BigInteger, "created_at"),
    *_optional(BigInteger, "due_at", "ended_at"),
    *_columns(BigInteger, "attempts"),
    *_optional(Text, "error"),
    *_columns(BigInteger, "worked_ms"),
    *_optional(Text, "holder"),
    *_optional(BigInteger, "token"),
    *_columns(BigInteger, "beats", "takings"),
)
Index("work_by_age", work.c.kind, work.c.created_at)
# Little is due; what has ended is not in this index.
Index("work_due", work.c.kind, work.c.queue, work.c.due_at, **_only(work.c.due_at.is_not(None)))
# Of each kind of work, when each dataset group last had a turn. Turns are counted up, so that no
# clock decides.
turns = Table("turns", metadata, *_keys("work", "dataset_group"), *_columns(BigInteger, "turn"))

# Use of each dataset group on each day (days since 1970, UTC). `events` and `trainings` are exact:
# limits are kept by them.
dataset_group_days = Table(
    "dataset_group_days",
    metadata,
    *_keys("dataset_group"),
    *_keys("day", of=BigInteger),
    *(
        Column(name, BigInteger, nullable=False, server_default="0")
        for name in (
            *("requests", "refused", "answer_ms"),
            *("events", "events_refused", "trainings", "training_ms"),
        )
    ),
)
# Events in the table, and the bytes of models, of each dataset group. Up to which offset events are
# counted, and since when, is in `log_marks`.
dataset_group_sizes = Table(
    "dataset_group_sizes",
    metadata,
    *_keys("dataset_group"),
    *_columns(BigInteger, "events", "model_bytes"),
)

# The artefacts in the object store, each below the name of the draft that it was written as; what
# is not listed here was never finished, or is removed.
artefacts = Table(
    "artefacts",
    metadata,
    *_keys("location"),
    *_columns(Text, "draft", "digest"),
    *_columns(BigInteger, "bytes", "made_at"),
)
# Objects that are no artefact yet, or no longer.
artefact_drafts = Table(
    "artefact_drafts", metadata, *_keys("draft"), *_columns(Text, "location", "state")
)
# The training table of each dataset group: all events up to an offset, with the facets that
# `reader` names. Those up to `start` had left the log when it was begun. Without a row it is made
# anew.
training_tables = Table(
    "training_tables",
    metadata,
    *_keys("dataset_group"),
    *_columns(BigInteger, "start", "through"),
    *_columns(Text, "reader"),
)
# Its files in the archive's store. Each has the events from `first` to `last`. One that is not in
# the table is being written, or was when its process died.
training_files = Table(
    "training_files",
    metadata,
    *_keys("key"),
    Column("dataset_group", Text, nullable=False, index=True),
    *_columns(BigInteger, "first", "last", "rows"),
    *_columns(Boolean, "is_in"),
)

# The processes that serve, work or consume. As with leases, nobody's clock is compared with
# another's: `beats` is counted up, and who has stopped counting is gone.
servers = Table(
    "servers",
    metadata,
    *_keys("name"),
    *_columns(Text, "host"),
    *_optional(Integer, "port"),
    *_columns(Text, "roles", "version", "revision"),
    *_columns(Integer, "connections"),
    *_columns(Text, "serves"),
    *_columns(BigInteger, "started_at", "beats"),
)
# What every program on these tables must agree with, by name: see `revisions.py`.
agreements = Table("agreements", metadata, *_keys("name"), *_columns(Text, "value"))
