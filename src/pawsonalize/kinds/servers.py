"""Who serves, works and consumes, as one process sees it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pawsonalize.storage.beats import GONE_SECONDS, Beats
from pawsonalize.storage.servers import ServerProcess, ServerTable

NOBODY_WORKS = (
    "no living server has the role work, so nothing is trained, retrained, imported, erased,"
    " archived or notified: start one whose setting roles has `work`"
)
_FORGET_SECONDS = 3600.0  # so long people see who was killed
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ServerState:
    """A server's process, and whether it lives."""

    server: ServerProcess
    lives: bool | None
    """None: it was not watched for long enough to tell."""


@dataclass(slots=True)
class Servers:
    """Watches all processes by their counted beats and this process's steady clock."""

    table: ServerTable
    steady: Callable[[], float] = time.monotonic
    _beats: Beats[str] = field(init=False)
    _seen: tuple[ServerProcess, ...] = ()
    _since: float | None = None

    def __post_init__(self) -> None:
        self._beats = Beats(steady=self.steady)

    def look(self) -> None:
        """Read who there is, and forget who has been gone for an hour."""
        now = self.steady()
        self._since = now if self._since is None else self._since
        found = self.table.all()
        self._beats.look({one.name: one.beats for one in found})
        for one in found:
            if self._beats.stands_since(one.name) >= _FORGET_SECONDS:
                self.table.remove(one.name)
        self._seen = tuple(found)

    def watch(self, sleep: Callable[[float], object] = time.sleep) -> list[ServerState]:
        """Look until it is clear of everybody whether they live; at most a quarter of a minute."""
        self.look()
        while any(one.lives is None for one in self.states()):
            sleep(_LOOK_SECONDS)
            self.look()
        return self.states()

    def states(self) -> list[ServerState]:
        """Everybody, as of the last look."""
        return [ServerState(one, self._lives(one.name)) for one in self._seen]

    def nobody(self, role: str) -> bool:
        """Whether it is clear that no process with the role lives."""
        if self._since is None or self.steady() - self._since < GONE_SECONDS:
            return False  # those that are just beginning have time to say so
        return all(one.lives is False for one in self.states() if role in one.server.roles)

    def _lives(self, name: str) -> bool | None:
        if self._beats.is_gone(name):
            return False
        return True if self._beats.has_moved(name) else None


@dataclass(slots=True)
class Membership:
    """One process among all servers: that which runs this."""

    table: ServerTable
    me: ServerProcess
    serves: Callable[[], Mapping[str, str]] = dict

    def beat(self) -> None:
        """Show that this process lives, and what it serves."""
        self.table.beat(replace(self.me, serves=self.serves()))

    def leave(self) -> None:
        """Take this process out: it stops."""
        self.table.remove(self.me.name)
