"""Rows of resources, by kind and name, and of artefacts."""

import builtins
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

import msgspec
from msgspec.structs import asdict
from sqlalchemy import (
    ColumnElement,
    Insert,
    Integer,
    bindparam,
    delete,
    func,
    select,
    tuple_,
    update,
)

from pawsonalize.core.database.statements import PreparedSelect, insert_new
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import artefact_drafts, artefacts, resources
from pawsonalize.core.errors import Conflict


class ResourceRow(msgspec.Struct, frozen=True):
    """A named resource as it is stored."""

    kind: str
    name: str  # unique within its kind
    parent: str | None  # the name of the resource that it belongs to
    status: str
    body: str  # all else, as JSON
    failure_reason: str | None
    created_at: int
    updated_at: int
    revision: int = 1  # 1 when it is created, and 1 more with each update


class Resources(TableAccess):
    """The resources table."""

    def create(self, row: ResourceRow) -> bool:
        """Store a new resource; False if its name is taken."""
        with self._database.writing() as connection:
            return insert_new(connection, resources, [asdict(row)]) == 1

    def get(self, kind: str, name: str) -> ResourceRow | None:
        """One resource, or None."""
        rows = self._mappings(select(resources).where(*_named(kind, name)))
        return next((ResourceRow(**row) for row in rows), None)

    def list(
        self,
        kind: str,
        limit: int,
        *,
        parent: str | None = None,
        before: tuple[int, str] | None = None,
        statuses: Sequence[str] = (),
        without: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> builtins.list[ResourceRow]:
        """Resources of a kind, newest first: of a parent, in statuses, after (created_at, name).

        Those that have a value of `without` in its column are left out.
        """
        age = (resources.c.created_at, resources.c.name)
        wanted = select(resources).where(resources.c.kind == kind)
        if parent is not None:
            wanted = wanted.where(resources.c.parent == parent)
        for column, values in without.items():
            wanted = wanted.where(resources.c[column].not_in(values))
        if statuses:
            wanted = wanted.where(resources.c.status.in_(statuses))
        if before is not None:  # one comparison of both columns, for which there is an index
            wanted = wanted.where(tuple_(*age) < tuple_(*before))
        newest_first = wanted.order_by(*(column.desc() for column in age)).limit(limit)
        return [ResourceRow(**row) for row in self._mappings(newest_first)]

    def update(self, row: ResourceRow, *, expected_revision: int) -> bool:
        """Replace the resource if its revision is as expected; returns whether it was."""
        seen = (*_named(row.kind, row.name), resources.c.revision == expected_revision)
        return self._execute(update(resources).where(*seen).values(asdict(row))) == 1

    def delete(self, kind: str, name: str, *, expected_revision: int) -> bool:
        """Delete the resource if its revision is as expected; returns whether it was."""
        seen = (*_named(kind, name), resources.c.revision == expected_revision)
        return self._execute(delete(resources).where(*seen)) == 1


def _named(kind: str, name: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return resources.c.kind == kind, resources.c.name == name


_LISTED, _DRAFTS = artefacts.c, artefact_drafts.c
_COLUMNS = (_LISTED.location, _LISTED.draft, _LISTED.digest, _LISTED.bytes)
_FIND = PreparedSelect(select(*_COLUMNS).where(_LISTED.location == bindparam("location")))
# Not LIKE, which takes `_` for any letter, and in SQLite `A` for `a`.
_BEGINNING = PreparedSelect(
    select(_LISTED.location).where(
        func.substr(_LISTED.location, 1, bindparam("length", type_=Integer)) == bindparam("prefix")
    )
)


class DraftState(StrEnum):
    """Progress of a draft's objects."""

    WRITING = "writing"
    """They are being written, or their writer died."""
    REMOVED = "removed"
    """They are to be deleted."""
    EMPTIED = "emptied"
    """They are deleted; if their writer lives after all, there may be more."""


class Draft(msgspec.Struct, frozen=True):
    """Objects below a name of their own that are not an artefact yet, or no longer."""

    name: str
    location: str
    state: DraftState = DraftState.WRITING


class ListedArtefact(msgspec.Struct, frozen=True):
    """A whole artefact: the draft that it became, the digest of its SHA256SUMS, its bytes."""

    location: str
    draft: str
    digest: str
    size: int


class ArtefactIndex(TableAccess):
    """The pointers to artefacts in the object store."""

    def find(self, location: str) -> ListedArtefact | None:
        """The artefact of that location, or None."""
        rows = self._database.rows(_FIND, {"location": location})
        return next((ListedArtefact(*row) for row in rows), None)

    def locations(self, prefix: str) -> list[str]:
        """The locations that begin with the prefix, sorted."""
        rows = self._database.rows(_BEGINNING, {"prefix": prefix, "length": len(prefix)})
        return sorted(row[0] for row in rows)

    def all(self) -> list[ListedArtefact]:
        """Every artefact."""
        return [ListedArtefact(*row) for row in self._rows(select(*_COLUMNS))]

    def drafts(self) -> list[Draft]:
        """Every draft."""
        rows = self._rows(select(_DRAFTS.draft, _DRAFTS.location, _DRAFTS.state))
        return [Draft(row[0], row[1], DraftState(row[2])) for row in rows]

    def begin(self, draft: Draft) -> None:
        """Note that objects are about to be written."""
        # Before the upload begins, so that what a dead writer left is found without a listing of
        # the bucket, and nothing of anybody else is ever taken for it.
        self._execute(_noting(draft))

    def commit(self, artefact: ListedArtefact, now: int) -> bool:
        """List a whole artefact; False if its draft was given up, Conflict if it is listed."""
        listed = {"location": artefact.location, "draft": artefact.draft}
        row = {**listed, "digest": artefact.digest, "bytes": artefact.size, "made_at": now}
        with self._database.writing() as connection:
            is_mine = (_DRAFTS.draft == artefact.draft) & (_DRAFTS.state == DraftState.WRITING)
            # The draft first: a writer that was given up meanwhile finds none, and lists nothing.
            if not connection.execute(delete(artefact_drafts).where(is_mine)).rowcount:
                return False
            if not insert_new(connection, artefacts, [row]):
                raise Conflict(f"there is a model named {artefact.location} already")
        return True

    def unlist(self, location: str) -> ListedArtefact | None:
        """Take an artefact off the list; its objects are a draft from then on, to be deleted."""
        with self._database.writing() as connection:
            removal = delete(artefacts).where(_LISTED.location == location).returning(*_COLUMNS)
            row = connection.execute(removal).first()
            if row is None:
                return None
            gone = ListedArtefact(*row)
            connection.execute(_noting(Draft(gone.draft, location, DraftState.REMOVED)))
        return gone

    def give_up(self, draft: str) -> bool:
        """Let a draft never be listed; False if it is listed, or was given up before."""
        return self._move(draft, DraftState.WRITING, DraftState.REMOVED)

    def emptied(self, draft: str) -> None:
        """Note that the objects of a removed draft are deleted."""
        self._move(draft, DraftState.REMOVED, DraftState.EMPTIED)

    def forget(self, draft: str) -> None:
        """Forget a draft of which nothing is left."""
        self._execute(delete(artefact_drafts).where(_DRAFTS.draft == draft))

    def _move(self, draft: str, before: DraftState, after: DraftState) -> bool:
        moved = update(artefact_drafts).where(_DRAFTS.draft == draft, _DRAFTS.state == before)
        return bool(self._execute(moved.values(state=after)))


def _noting(draft: Draft) -> Insert:
    row = {"draft": draft.name, "location": draft.location, "state": draft.state}
    return artefact_drafts.insert().values(row)
