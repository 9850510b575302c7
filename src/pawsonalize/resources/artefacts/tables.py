"""Index of the artefacts in the object store: listed ones are whole, and nothing else counts."""

from enum import StrEnum

import msgspec
from sqlalchemy import Insert, Integer, bindparam, delete, func, select, update

from pawsonalize.core.database.statements import PreparedSelect, insert_new
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import artefact_drafts, artefacts
from pawsonalize.core.errors import Conflict

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
