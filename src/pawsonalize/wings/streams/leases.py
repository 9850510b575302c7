"""Which consumer reads which shard: leases in the tables, for streams that assign nothing.

No clock of another machine counts. A holder counts its beats up in the table; whoever sees a count
stand still for the length of a lease, by its own steady clock, takes the shard. So a holder that
was only slow may still store what it had read; its events carry the same ids, and its run of
records begins no later than where the new holder's began, so neither doubles nor order are lost.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pawsonalize.storage.beats import Beats
from pawsonalize.wings.streams.stream_shards import Shard, ShardLag, ShardTable

LEASE_SECONDS = 10.0
_PAUSE_SECONDS = 1.0


@dataclass(slots=True)
class ShardLeases:
    """The shards that one consumer holds, spread evenly over all consumers that live."""

    table: ShardTable
    holder: str
    """This consumer; unique among all of all machines."""
    now: Callable[[], int]
    """The moment, for people who look at the table."""
    lease: float = LEASE_SECONDS
    """After so many seconds without a beat a holder counts as gone."""
    pause: float = _PAUSE_SECONDS
    """Between two looks, in seconds."""
    steady: Callable[[], float] = time.monotonic
    held: dict[str, Shard] = field(default_factory=dict)
    """What this consumer reads, by shard, as it was at the last look."""
    _stored: dict[str, str] = field(default_factory=dict)
    _beats: Beats[str] = field(init=False)
    _looked: float | None = None

    def __post_init__(self) -> None:
        self._beats = Beats(self.lease, self.steady)

    @property
    def is_due(self) -> bool:
        """Whether it is time to look."""
        return self._looked is None or self.steady() - self._looked >= self.pause

    def look(
        self,
        shards: Mapping[str, Sequence[str]],
        lags: Iterable[ShardLag] = (),
        start: str | None = None,
    ) -> None:
        """Show that we live, and take, ask for and give up shards; `shards` are the stream's.

        Where nobody has read the stream yet, its shards get the position `start`.
        """
        self.table.beat(self.holder, self._stored, lags, self.now())
        rows = self.table.all()
        if shards.keys() - {row.shard for row in rows}:
            self.table.add(shards, None if rows else start)
            rows = self.table.all()
        self._looked = self.steady()
        self._beats.look({row.shard: (row.holder, row.beats) for row in rows})
        self._take(_ready(rows))
        self.held = {row.shard: row for row in self.table.all() if row.holder == self.holder}
        self._stored.clear()

    @property
    def leaving(self) -> list[str]:
        """The shards that another consumer waits for: to be read no further, then handed over."""
        return [shard for shard, row in self.held.items() if row.wanted_by is not None]

    def hand_over(self, shard: str) -> None:
        """Give a shard to who waits for it; all that was read of it must be acknowledged."""
        to = self.held[shard].wanted_by
        self.table.release(shard, self.holder, self._stored.get(shard), self.now(), to)
        del self.held[shard]
        self._stored.pop(shard, None)

    def note(self, shard: str, position: str) -> None:
        """Remember how far a shard is stored; it is written down at the next look."""
        if shard in self.held:
            self._stored[shard] = position

    def end(self, shard: str) -> None:
        """Note that a shard is over and wholly stored."""
        self.table.end(shard, self.holder)
        self.held.pop(shard, None)
        self._stored.pop(shard, None)

    def release(self) -> None:
        """Let all go, so that others need not wait until the leases end."""
        for shard in list(self.held):
            position = self._stored.pop(shard, None)
            self.table.release(shard, self.holder, position, self.now())
        self.held.clear()

    def _take(self, ready: Sequence[Shard]) -> None:
        """Take our share of the shards that nobody reads; where there are none, ask for some."""
        free = [row for row in ready if self._is_free(row)]
        kept = [row for row in ready if row not in free]
        mine = sum((row.wanted_by or row.holder) == self.holder for row in kept)
        others: dict[str | None, list[Shard]] = {}
        for row in kept:
            if row.holder != self.holder:
                others.setdefault(row.holder, []).append(row)
        share = -(-len(ready) // (len(others) + 1))
        for row in free[: max(0, share - mine)]:
            mine += self.table.take(row, self.holder)
        if not free:
            self._ask(others.values(), mine)

    def _is_free(self, row: Shard) -> bool:
        return row.holder is None or (row.holder != self.holder and self._beats.is_gone(row.shard))

    def _ask(self, others: Iterable[Sequence[Shard]], mine: int) -> None:
        """Ask who has the most for as many as make us equal; what is wanted is theirs no more."""
        kept = [[row for row in theirs if row.wanted_by is None] for theirs in others]
        most = max(kept, key=len, default=[])
        for row in most[: max(0, len(most) - mine) // 2]:
            self.table.want(row, self.holder)


def _ready(rows: Sequence[Shard]) -> list[Shard]:
    """The shards that may be read: not over, and no parent has records that are not stored."""
    waiting = {row.shard for row in rows if not row.is_ended}
    return [
        row for row in rows if not row.is_ended and not any(one in waiting for one in row.parents)
    ]
