"""Port for what came in and could not be taken; a wing may keep it, so that people can mend it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

HTTP: Final = "http"
"""The source of what came by HTTP."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RefusedInput:
    """Refused data, as it came in, and the reason."""

    source: str
    """`http`, or the stream's URL without who logs in."""
    dataset_group: str
    """The dataset group that it was to go into."""
    at: int
    """When it came in, in milliseconds since 1970."""
    raw: bytes
    code: str
    """The reason for machines."""
    message: str
    """The reason for people."""
    field: str | None = None
    """The field that is wrong, if it is one."""
    position: str | None = None
    """Its place in the stream: `shard/sequence`, in a list with `/index` behind that."""


class RefusalSink(Protocol):
    """Keeps what `/v1/events` refuses: the port `refusals`. Raises nothing, as senders know why."""

    async def keep(
        self, refused: Sequence[RefusedInput], *, is_page: bool = False, user_id: str | None = None
    ) -> int:
        """Keep what may be kept and has room; returns how much there is no room for.

        Of what a page sent, nothing is kept that names another user than its own.
        """
        ...

    def close(self) -> None:
        """Store what waits, and stop."""
        ...


KeepRefusals = Callable[[Sequence[RefusedInput]], object]
"""Keeps what a stream brought, durably on return: the port `stream_refusals`."""


def log_refusals(refused: Sequence[RefusedInput]) -> None:
    """Log what nobody keeps: place and reason, and nothing of a visitor."""
    for one in refused:
        log.warning(
            "refused", source=one.source, position=one.position, code=one.code, field=one.field
        )
