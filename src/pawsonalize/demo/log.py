"""The events of a world: columns for the fast reader, `Event` values for everybody else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import overload

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.events import Event

EVENT_TYPES = ("view", "favorite", "inquiry", "application", "adoption")
VIEW, FAVORITE, INQUIRY, APPLICATION, ADOPTION = range(len(EVENT_TYPES))


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Events as columns of one length; `WorldEvents` has them in order of time."""

    moment: NDArray[np.int64]
    """Milliseconds since 1970."""
    kind: NDArray[np.int8]
    visitor: NDArray[np.int32]
    session: NDArray[np.int32]
    """-1 for an adoption, which the shelter reports."""
    identified: NDArray[np.bool_]
    """Whether the event carries the user's id."""
    animal: NDArray[np.int32]
    page: NDArray[np.int32]
    """A row of the pages shown; -1 without a page."""
    position: NDArray[np.int8]
    """The place on the page; -1 without a page."""

    def __len__(self) -> int:
        return len(self.moment)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "EventColumns":
        """These events only, in this order."""
        return EventColumns(*(getattr(self, column.name)[rows] for column in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence["EventColumns"]) -> "EventColumns":
        """One after the other."""
        names = [column.name for column in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True, slots=True)
class WorldEvents(Sequence[Event]):
    """The events in time order, made into `Event` values one at a time, as they are read."""

    columns: EventColumns
    pages: NDArray[np.int32]
    user_ids: tuple[str, ...]
    animal_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    seed: int

    def __len__(self) -> int:
        return len(self.columns)

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Event]: ...
    def __getitem__(self, at: int | slice) -> Event | Sequence[Event]:
        if isinstance(at, slice):
            return [self._event(row) for row in range(*at.indices(len(self)))]
        row = at + len(self) if at < 0 else at
        if not 0 <= row < len(self):
            raise IndexError(at)
        return self._event(row)

    def __iter__(self) -> Iterator[Event]:
        return map(self._event, range(len(self)))

    def _event(self, row: int) -> Event:
        columns = self.columns
        moment, animal = int(columns.moment[row]), int(columns.animal[row])
        session, page = int(columns.session[row]), int(columns.page[row])
        visitor = int(columns.visitor[row])
        return Event(
            event_id=f"demo-{self.seed}-{row:08d}",
            user_id=self.user_ids[visitor] if columns.identified[row] else None,
            session_id=f"s{session:07d}" if session >= 0 else None,
            event_type=EVENT_TYPES[columns.kind[row]],
            item_id=self.item_ids[animal],
            sent_at=moment,
            received_at=moment,
            animal_id=self.animal_ids[animal],
            impression=self._shown(page) if page >= 0 else (),
            properties=f'{{"position": {columns.position[row]}}}' if page >= 0 else None,
        )

    def _shown(self, page: int) -> tuple[str, ...]:
        return tuple(self.item_ids[animal] for animal in self.pages[page].tolist() if animal >= 0)
