"""Refused events, kept and read for others."""

from typing import TYPE_CHECKING

from pawsonalize.app.ports import (
    ARCHIVE_REFUSED,
    REFUSAL_REPORTS,
    REFUSALS,
    REFUSED_LINES,
    STREAM_REFUSALS,
)
from pawsonalize.plugins.dead_letters import DeadLetterSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pawsonalize.app.adapters import Adapters
    from pawsonalize.events.ingest import KeepRefusals
    from pawsonalize.plugins.dead_letters.keeping import Refusals
    from pawsonalize.plugins.dead_letters.pages import NamedDeadLetters


def refusals(adapters: "Adapters") -> "Refusals | None":
    """Return what keeps events that /v1/events refused; None if they are not to be kept."""
    from pawsonalize.plugins.dead_letters.keeping import Refusals
    from pawsonalize.plugins.dead_letters.letters import DeadLetters

    own = adapters.settings.part(DeadLetterSettings)
    if not own.keep_refused_events:
        return None
    return Refusals(DeadLetters(adapters.database), adapters.problems, own.max_dead_letters)


def stream_refusals(adapters: "Adapters") -> "KeepRefusals":
    """Return what keeps refused records of streams, which is always done."""
    from pawsonalize.plugins.dead_letters import keeping

    return keeping.stream_refusals(adapters)


def refusal_reports(adapters: "Adapters") -> "NamedDeadLetters":
    """Return the dead letters for reports of the console."""
    from pawsonalize.plugins.dead_letters.pages import NamedDeadLetters

    return NamedDeadLetters(adapters)


def refused_lines(adapters: "Adapters", lines: int) -> "Callable[[bool], Iterator[str]]":
    """Return what returns a line for each new dead letter."""
    from pawsonalize.plugins.dead_letters.commands import RefusedTail

    return RefusedTail(adapters, lines).lines


def archive_refused(adapters: "Adapters") -> str | None:
    """Archive new dead letters now; returns how many, in words."""
    from pawsonalize.core import clock
    from pawsonalize.plugins.dead_letters.archive import ArchivedDeadLetters

    count = ArchivedDeadLetters(adapters).archive_once(clock.now())
    return f"{count:,} dead letters archived" if count else None


PORTS = (
    REFUSALS.by(refusals),
    STREAM_REFUSALS.by(stream_refusals),
    REFUSAL_REPORTS.by(refusal_reports),
    REFUSED_LINES.by(refused_lines),
    ARCHIVE_REFUSED.by(archive_refused),
)
