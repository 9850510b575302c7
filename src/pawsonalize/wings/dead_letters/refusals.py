"""Keeps what /v1/events refused as dead letters, as long as there is room."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import structlog

from pawsonalize.domain.errors import NotReady, PawsonalizeError
from pawsonalize.domain.events import USER
from pawsonalize.domain.times import MINUTE
from pawsonalize.engine.ingest.group_commit import GroupCommit
from pawsonalize.engine.ingest.refusals import RefusedInput
from pawsonalize.kinds.problems import Problems
from pawsonalize.storage.contexts import in_time
from pawsonalize.wings.dead_letters.dead_letters import DeadLetters
from pawsonalize.wings.dead_letters.letters import DeadLetter, names_in

USUAL_BYTES: Final = 4096
"""So large a letter may be on average."""
LARGEST: Final = 1024 * 1024
"""What is larger is not kept, so that nobody can keep us busy with what is no event."""

_MOST_AT_ONCE = 2_000  # that wait to be stored: who sends faster is not kept waiting
_MEASURED_SECONDS = 10.0
_FULL_PROBLEM = "keep refused events"
_FULL_FOR = 15 * MINUTE

log = structlog.get_logger()


@dataclass(slots=True)
class _Room:
    """What there was when it was measured, with what was kept since."""

    letters: int = 0
    bytes: int = 0
    until: float = 0.0


class Refusals:
    """Takes what was refused; stores what comes at the same time together.

    With `most` letters, or as many times `USUAL_BYTES` of them, no more are kept: that is a
    problem. `lost` is told how many were not kept.
    """

    def __init__(
        self,
        letters: DeadLetters,
        problems: Problems,
        now: Callable[[], int],
        *,
        most: int,
        lost: Callable[[int], object] = lambda _count: None,
    ) -> None:
        self._letters = letters
        self._problems = problems
        self._now = now
        self._most = most
        self._lost = lost
        self._room = _Room()
        self._writer = GroupCommit(in_time(self._store), max_waiting=_MOST_AT_ONCE)

    async def keep(
        self, refused: Sequence[RefusedInput], *, is_page: bool = False, user_id: str | None = None
    ) -> int:
        """See `RefusalSink.keep`."""
        letters = [DeadLetter(**asdict(one)) for one in refused if len(one.raw) <= LARGEST]
        lost = len(refused) - len(letters)
        if is_page:
            letters = await asyncio.to_thread(_without_others, letters, user_id)
        if letters:
            lost += len(letters) - sum(await self._stored(letters))
        if lost:
            self._lost(lost)
        return lost

    async def _stored(self, letters: Sequence[DeadLetter]) -> list[bool]:
        try:
            return await self._writer.submit(letters, letters[0].dataset_group)
        except NotReady:
            return []
        except PawsonalizeError as error:
            log.warning("refused events not kept", count=len(letters), reason=error.message)
            return []

    def close(self) -> None:
        """See `RefusalSink.close`."""
        self._writer.close()

    def _store(self, letters: Sequence[DeadLetter]) -> list[bool]:
        room = self._measured()
        flags = []
        for one in letters:
            fits = room.letters < self._most and room.bytes < self._most * USUAL_BYTES
            flags.append(fits)
            if fits:
                room.letters += 1
                room.bytes += len(one.raw)
        kept = [one for one, fits in zip(letters, flags, strict=True) if fits]
        if kept:
            self._letters.keep(kept)
        if len(kept) < len(letters):
            self._report()
        return flags

    def _measured(self) -> _Room:
        if time.monotonic() >= self._room.until:
            count, size = self._letters.size()
            self._room = _Room(count, size, time.monotonic() + _MEASURED_SECONDS)
        return self._room

    def _report(self) -> None:
        message = (
            f"{self._room.letters:,} dead letters wait, and no more are kept of what /v1/events"
            f" refuses: look at them with `pawsonalize dead-letters ls`, replay or remove them, or"
            " raise max_dead_letters"
        )
        self._problems.report(_FULL_PROBLEM, message, self._now(), within=_FULL_FOR)


def _without_others(letters: Sequence[DeadLetter], user_id: str | None) -> list[DeadLetter]:
    """Return the letters that name no user but this one.

    Replay asks for no visitor's token, so a page could otherwise speak for others.
    """
    return [
        letter
        for letter in letters
        if all(name == user_id for kind, name in names_in(letter.raw) if kind == USER)
    ]
