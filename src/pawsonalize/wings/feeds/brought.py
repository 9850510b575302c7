"""What the newest import of each feed brought and refused, kept to be looked at."""

from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from typing import ClassVar

import msgspec

from pawsonalize.domain.errors import AlreadyExists
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Resource
from pawsonalize.wings.feeds.importing import BadRow, FeedReport

FILES = "files"
"""The origin of what `animals import` and `animals watch` take."""
_MOST_ROWS = 20
_MOST_VALUES = 50
_LONGEST = 300


class BroughtIn(Resource, frozen=True, kw_only=True):
    """The result of the newest import from one origin: a feed's name, or `files`.

    `first_rejected` are the first 20 of the rejected rows; `unrecognised` has at most 50 values of
    each field, the most frequent ones, with the number of their rows.
    """

    kind: ClassVar[str] = "feed import"

    origin: str
    source: str
    at: int = 0
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    kept: int = 0
    rejected: int = 0
    first_rejected: tuple[BadRow, ...] = ()
    unrecognised: Mapping[str, Mapping[str, int]] = {}
    notes: tuple[str, ...] = ()


def note_brought(
    registry: Registry, origin: str, source: str, report: FeedReport, now: int
) -> None:
    """Keep what an import brought, in place of what the one before it did."""
    name = _name(origin, source)
    if registry.find(BroughtIn, name) is None:
        with suppress(AlreadyExists):  # another process was faster
            registry.create(BroughtIn(name=name, origin=origin, source=source), now)
    changes = {
        "at": now,
        "rows": report.rows,
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "kept": report.kept,
        "rejected": len(report.rejected),
        "first_rejected": tuple(map(_short, report.rejected[:_MOST_ROWS])),
        "unrecognised": {field: _most(some) for field, some in report.unrecognised.items()},
        "notes": tuple(note[:_LONGEST] for note in report.notes),
    }
    registry.change(BroughtIn, name, lambda one: msgspec.structs.replace(one, **changes), now)


def find_brought(registry: Registry, origin: str, source: str) -> BroughtIn | None:
    """What the newest import brought; None before the first."""
    return registry.find(BroughtIn, _name(origin, source))


def _short(row: BadRow) -> BadRow:
    return BadRow(row.place, row.animal_id, row.reason[:_LONGEST])


def _most(values: Mapping[str, int]) -> dict[str, int]:
    ordered = sorted(values.items(), key=lambda one: (-one[1], one[0]))
    return dict(ordered[:_MOST_VALUES])


def _name(origin: str, source: str) -> str:
    """Both may be any text; a resource's name may not."""
    text = f"{origin}\n{source}".encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=16).hexdigest()
