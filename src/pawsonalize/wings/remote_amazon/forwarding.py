"""Puts the log into a remote engine, in order, and remembers how far.

A part of the log is put first, then it is noted that it is there. After a crash in between the part
is put again with the same event ids, which count once there.
"""

from collections.abc import Callable
from contextlib import suppress

import structlog
from msgspec.structs import replace

from pawsonalize.domain.errors import AlreadyExists
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP
from pawsonalize.kinds.registry import Registry
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.wings.remote_amazon.feeding import AmazonFeeding, UnsentEvent
from pawsonalize.wings.remote_amazon.forwarded import Forwarding

LEASE = "forward-events"
"""Only one process forwards at a time, so the events of a session stay in order."""
_ROWS = 1_000

log = structlog.get_logger()


class Forwarder:
    """Forwards the events of the default dataset group."""

    def __init__(
        self,
        event_log: EventLog,
        registry: Registry,
        feeding: AmazonFeeding,
        name: str,
        *,
        from_the_start: bool,
        now: Callable[[], int],
    ) -> None:
        """`name` is that of the dataset group there: another one begins anew.

        If not `from_the_start`, events from before the first call are there by other means.
        """
        self._name = name
        self._log = event_log
        self._registry = registry
        self._feeding = feeding
        self._from_the_start = from_the_start
        self._now = now

    def state(self) -> Forwarding:
        """How far it is; begun with the first call."""
        found = self._registry.find(Forwarding, self._name)
        if found is None:
            through = 0 if self._from_the_start else self._log.head()
            begun = Forwarding(name=self._name, through=through)
            with suppress(AlreadyExists):  # another process was faster
                return self._registry.create(begun, self._now())
            found = self._registry.get(Forwarding, self._name)
        return found

    def forward(self) -> int:
        """Put what is new, part by part; returns how many events were put.

        Call it under the lease. EngineUnavailable while the remote engine does not take them; the
        next call goes on where this one ended.
        """
        put, head = 0, self._log.head()
        while (state := self.state()).through < head:
            rows = self._log.read(state.through, head, _ROWS)
            events = [row.event for row in rows if row.event.dataset_group == DEFAULT_DATASET_GROUP]
            refusals = self._feeding.put_events(events) if events else []
            through = rows[-1].offset if len(rows) == _ROWS else head
            self._note(through, len(events), refusals)
            put += len(events)
        return put

    def is_through(self, offset: int) -> bool:
        """Whether everything up to the offset is there."""
        return self.state().through >= offset

    def _note(self, through: int, put: int, refusals: list[UnsentEvent]) -> None:
        for one in refusals:
            log.error(
                "event not forwarded" if not one.without else "event forwarded in part",
                event_id=one.event_id,
                reason=one.reason,
            )
        lost = [one for one in refusals if not one.without]
        newest = f"{refusals[-1].event_id}: {refusals[-1].reason}"[:500] if refusals else None
        now = self._now()

        def noted(state: Forwarding) -> Forwarding:
            return replace(
                state,
                through=max(state.through, through),
                sent=state.sent + put - len(lost),
                refused=state.refused + len(lost),
                shortened=state.shortened + len(refusals) - len(lost),
                last_refusal=state.last_refusal if newest is None else newest,
                last_sent_at=now if put else state.last_sent_at,
            )

        self._registry.change(Forwarding, self._name, noted, now)
