"""The tables. Moments are milliseconds since 1970. JSON is kept as text, as it was sent."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from pawsonalize.core.event import DEFAULT_DATASET_GROUP

metadata = sa.MetaData()

REVISION = "0026"
"""The newest of `migrations/versions`, which brings older tables to these."""

# SQLite counts rows itself only in a column that is literally INTEGER.
_OFFSET = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_Type = type[TypeEngine[Any]]
_Columns = list[sa.Column[Any]]


def _dataset_group(*, primary_key: bool = False) -> sa.Column[str]:
    default = DEFAULT_DATASET_GROUP
    return sa.Column(
        "dataset_group", sa.Text, primary_key=primary_key, nullable=False, server_default=default
    )


def _is_imported() -> sa.Column[bool]:
    # True if an import wrote the row last. Then the next full import replaces it.
    return sa.Column("is_imported", sa.Boolean, nullable=False, server_default=sa.false())


def _keys(*names: str, of: _Type = sa.Text) -> _Columns:
    return [sa.Column(name, of, primary_key=True, autoincrement=False) for name in names]


def _columns(of: _Type, *names: str) -> _Columns:
    return [sa.Column(name, of, nullable=False) for name in names]


def _optional(of: _Type, *names: str) -> _Columns:
    return [sa.Column(name, of) for name in names]


def _table(name: str, *columns: SchemaItem, **options: Any) -> sa.Table:
    return sa.Table(name, metadata, *columns, **options)


def _only(condition: sa.ColumnElement[bool]) -> dict[str, Any]:
    """Return the options of an index of the rows that fulfil the condition."""
    return {"sqlite_where": condition, "postgresql_where": condition}


events = _table(
    "events",
    sa.Column("offset", _OFFSET, primary_key=True, autoincrement=True),
    *_columns(sa.Text, "event_id"),
    *_optional(sa.Text, "user_id", "session_id"),
    *_columns(sa.Text, "event_type", "item_id"),
    *_columns(sa.BigInteger, "sent_at", "received_at"),
    *_optional(sa.Text, "animal_id"),
    *_optional(sa.Float, "event_value"),
    *_optional(sa.Text, "recommendation_id", "impression", "properties"),
    _dataset_group(),
    # The dataset group comes second. If it came first, a read of a group in the order of the log
    # might use this index, gather the whole group and sort it.
    sa.UniqueConstraint("event_id", "dataset_group", name="one_event_of_an_id"),
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
    sa.Index(_name, *_key, *_read, sqlite_where=_condition).ddl_if(dialect="sqlite")
    sa.Index(_name, *_key, postgresql_where=_condition).ddl_if(dialect="postgresql")

sessions = _table(
    "sessions",
    _dataset_group(primary_key=True),
    *_keys("session_id"),
    *_columns(sa.Text, "user_id"),
    *_columns(sa.BigInteger, "bound_at"),
    # Whether events without the user have left for the archive: then their owner is kept.
    sa.Column("is_archived", sa.Boolean, nullable=False, server_default=sa.false()),
)
# Holds all that a history reads of a user's sessions, so the table itself is not read.
_OF_SESSION = (sessions.c.dataset_group, sessions.c.bound_at, sessions.c.session_id)
sa.Index("sessions_by_user", sessions.c.user_id, *_OF_SESSION)


items = _table(
    "items",
    _dataset_group(primary_key=True),
    *_keys("item_id"),
    *_columns(sa.Text, "attributes"),
    *_optional(sa.BigInteger, "created_at"),
    _is_imported(),
)
users = _table(
    "users",
    _dataset_group(primary_key=True),
    *_keys("user_id"),
    *_columns(sa.Text, "attributes"),
    _is_imported(),
)
schemas = _table(
    "schemas", _dataset_group(primary_key=True), *_keys("dataset"), *_columns(sa.Text, "fields")
)

# What statements ask for has a column; all else is in the record.
animals = _table(
    "animals",
    *_keys("animal_id"),
    *_columns(sa.Text, "source", "status", "species", "shelter"),
    sa.Column("listed_at", sa.BigInteger, nullable=False, index=True),
    *_optional(sa.Float, "latitude", "longitude"),
    *_columns(sa.Text, "record"),
)
sa.Index("animals_by_source", animals.c.source, animals.c.status)

stays = _table(
    "stays",
    *_keys("animal_id"),
    *_keys("since", of=sa.BigInteger),
    *_columns(sa.BigInteger, "until"),
    *_columns(sa.Text, "item_id"),
)
sa.Index("stays_by_item", stays.c.item_id, stays.c.until, stays.c.since, stays.c.animal_id)
sa.Index("stays_by_end", stays.c.until, stays.c.item_id)
sa.Index("stays_by_start", stays.c.since, stays.c.item_id)

# The last change of each item's availability. The greatest revision is that of the whole.
availability_changes = _table(
    "availability_changes", *_keys("item_id"), *_columns(sa.BigInteger, "revision", "at")
)
_CHANGES = availability_changes.c
sa.Index("availability_changes_by_revision", _CHANGES.revision, _CHANGES.at)

# The last change of each animal that was available then or later, deleted ones included.
animal_changes = _table(
    "animal_changes",
    *_keys("animal_id"),
    sa.Column("revision", sa.BigInteger, nullable=False, index=True),
)

# The ids are packed, and what was shown is compressed: see `events/impressions.py`.
impressions = _table(
    "impressions",
    *_keys("recommendation_id", of=sa.LargeBinary),
    *_columns(sa.Text, "question"),
    *_optional(sa.Text, "user_id", "session_id"),
    *_columns(sa.BigInteger, "answered_at", "as_of"),
    *_columns(sa.Text, "solution_version"),
    _dataset_group(),
    *_optional(sa.LargeBinary, "animal_ids"),
    *_columns(sa.LargeBinary, "places"),
    *_optional(sa.Text, "search", "live_test"),
)
# The pages of animals that a visitor was shown are read for the visitor's next answer. Answers of
# all dataset groups share these indexes: few visitors are in two.
_PAGES = _only(impressions.c.animal_ids.is_not(None))
sa.Index("pages_by_user", impressions.c.user_id, impressions.c.as_of, **_PAGES)
sa.Index("pages_by_session", impressions.c.session_id, impressions.c.as_of, **_PAGES)
# All pages of animals are read in the order of their ids, which is that of time.
sa.Index("pages_in_order", impressions.c.recommendation_id, **_PAGES)
_SEARCHES = _only(impressions.c.search.is_not(None))
sa.Index("searches_in_order", impressions.c.recommendation_id, **_SEARCHES)
_TESTED = _only(impressions.c.live_test.is_not(None))
sa.Index("live_tests_in_order", impressions.c.recommendation_id, **_TESTED)

# How often each animal was shown, and when that was last counted.
animal_exposures = _table(
    "animal_exposures",
    *_keys("animal_id"),
    *_columns(sa.BigInteger, "shown"),
    sa.Column("counted_at", sa.BigInteger, nullable=False, index=True),
)
exposures = _table(
    "exposures", _dataset_group(primary_key=True), *_keys("item_id"), *_columns(sa.Float, "shown")
)

resources = _table(
    "resources",
    *_keys("kind", "name"),
    *_optional(sa.Text, "parent"),
    *_columns(sa.Text, "status", "body"),
    *_optional(sa.Text, "failure_reason"),
    *_columns(sa.BigInteger, "created_at", "updated_at", "revision"),
)
sa.Index("resources_by_age", resources.c.kind, resources.c.created_at, resources.c.name)
sa.Index("resources_by_status", resources.c.kind, resources.c.status)

archive_segments = _table(
    "archive_segments",
    *_keys("first", of=sa.BigInteger),
    *_columns(sa.BigInteger, "last", "rows"),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    *_optional(sa.Text, "sha256"),
)
# Objects whose rows are in another one by now, and since when.
archive_leftovers = _table("archive_leftovers", *_keys("key"), *_columns(sa.BigInteger, "since"))
# The events of a span of offsets as they came in, packed; deleted once they are in the archive.
raw_events = _table(
    "raw_events",
    *_keys("first", of=sa.BigInteger),
    *_columns(sa.BigInteger, "last"),
    *_columns(sa.LargeBinary, "packed"),
)
# Offsets of the log that mean something, such as up to which events have left the table.
log_marks = _table("log_marks", *_keys("name"), *_columns(sa.BigInteger, "offset"))
# Which visitors the objects of the archive hold: 8 bytes of each one's hash, as one value.
archive_index = _table(
    "archive_index",
    *_keys("key"),
    *_columns(sa.BigInteger, "size"),
    *_columns(sa.LargeBinary, "visitors"),
)

# Each step that is done has its moment.
erasures = _table(
    "erasures",
    *_keys("erasure_id"),
    _dataset_group(),
    sa.Column("noted_at", sa.BigInteger, nullable=False, index=True),
    *_columns(sa.BigInteger, "through", "deleted"),
    *_optional(sa.BigInteger, "note_at", "tables_at", "archive_at", "models_at", "files_at"),
    *_optional(sa.BigInteger, "names_at", "remains_at", "done_at"),
    *_columns(sa.BigInteger, "attempts"),
    sa.Column("next_attempt_at", sa.BigInteger, index=True),
    *_columns(sa.Text, "troubles", "files"),
)
# The visitors of an erasure. The name is forgotten as soon as only the archive is left.
erased_visitors = _table(
    "erased_visitors", *_keys("erasure_id", "visitor"), *_optional(sa.Text, "kind", "name")
)
sa.Index("erased_visitors_by_hash", erased_visitors.c.visitor, erased_visitors.c.erasure_id)

# What goes wrong and lasts.
problems = _table(
    "problems",
    *_keys("name"),
    *_columns(sa.Text, "message"),
    *_columns(sa.BigInteger, "since", "last_seen"),
    *_optional(sa.BigInteger, "expires_at", "told_at"),
)
# Who changed what.
audit_log = _table(
    "audit_log",
    sa.Column("number", _OFFSET, primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    *_columns(sa.Text, "who", "what"),
    *_optional(sa.Text, "target"),
    *_columns(sa.Text, "outcome"),
)

# Work that is claimed, given back, tried again and gone on with, of every kind; what is peculiar
# to a kind is in its payload. A row without a kind is a lease alone, and goes when it is free.
# Moments of other machines are never compared: a holder counts heartbeats up, and is gone when
# they stop.
work = _table(
    "work",
    *_keys("name"),
    *_columns(sa.Text, "kind", "queue", "state", "payload"),
    *_columns(sa.BigInteger, "created_at"),
    *_optional(sa.BigInteger, "due_at", "ended_at"),
    *_columns(sa.BigInteger, "attempts"),
    *_optional(sa.Text, "error"),
    *_columns(sa.BigInteger, "worked_ms"),
    *_optional(sa.Text, "holder"),
    *_optional(sa.BigInteger, "token"),
    sa.Column("beats", sa.BigInteger, nullable=False, key="heartbeats"),
    sa.Column("takings", sa.BigInteger, nullable=False, key="generation"),
)
sa.Index("work_by_age", work.c.kind, work.c.created_at)
# Little is due; what has ended is not in this index.
sa.Index("work_due", work.c.kind, work.c.queue, work.c.due_at, **_only(work.c.due_at.is_not(None)))
# Of each kind of work, when each dataset group last had a turn. Turns are counted up, so that no
# clock decides.
turns = _table("turns", *_keys("work", "dataset_group"), *_columns(sa.BigInteger, "turn"))

# Use of each dataset group on each day (days since 1970, UTC). `events` and `trainings` are exact:
# limits are kept by them.
dataset_group_days = _table(
    "dataset_group_days",
    *_keys("dataset_group"),
    *_keys("day", of=sa.BigInteger),
    *(
        sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
        for name in (
            *("requests", "refused", "answer_ms"),
            *("events", "events_refused", "trainings", "training_ms"),
        )
    ),
)
# Events in the table, and the bytes of models, of each dataset group. Up to which offset events are
# counted, and since when, is in `log_marks`.
dataset_group_sizes = _table(
    "dataset_group_sizes",
    *_keys("dataset_group"),
    *_columns(sa.BigInteger, "events", "model_bytes"),
)

# The artefacts in the object store, each below the name of the draft that it was written as; what
# is not listed here was never finished, or is removed.
artefacts = _table(
    "artefacts",
    *_keys("location"),
    *_columns(sa.Text, "draft", "digest"),
    *_columns(sa.BigInteger, "bytes", "made_at"),
)
# Objects that are no artefact yet, or no longer.
artefact_drafts = _table(
    "artefact_drafts", *_keys("draft"), *_columns(sa.Text, "location", "state")
)
# The training table of each dataset group: all events up to an offset, with the facets that
# `reader` names. Those up to `start` had left the log when it was begun. Without a row it is made
# anew.
training_tables = _table(
    "training_tables",
    *_keys("dataset_group"),
    *_columns(sa.BigInteger, "start", "through"),
    *_columns(sa.Text, "reader"),
)
# Its files in the archive's store. Each has the events from `first` to `last`. One that is not in
# the table is being written, or was when its process died.
training_files = _table(
    "training_files",
    *_keys("key"),
    sa.Column("dataset_group", sa.Text, nullable=False, index=True),
    *_columns(sa.BigInteger, "first", "last", "rows"),
    *_columns(sa.Boolean, "is_in"),
)

# The processes that serve, work or consume. As with leases, nobody's clock is compared with
# another's: `beats` is counted up, and who has stopped counting is gone.
servers = _table(
    "servers",
    *_keys("name"),
    *_columns(sa.Text, "host"),
    *_optional(sa.Integer, "port"),
    *_columns(sa.Text, "roles", "version", "revision"),
    *_columns(sa.Integer, "connections"),
    *_columns(sa.Text, "serves"),
    *_columns(sa.BigInteger, "started_at", "beats"),
)
# What every program on these tables must agree with, by name: see `revisions.py`.
agreements = _table("agreements", *_keys("name"), *_columns(sa.Text, "value"))
