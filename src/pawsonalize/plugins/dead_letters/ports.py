"""Refused events, kept and read for others."""

from typing import TYPE_CHECKING

from pawsonalize.app.ports import (
    ARCHIVE_REFUSED,
    REFUSAL_REPORTS,
    REFUSALS,
    REFUSED_LINES,
    STREAM_REFUSALS,
)
from pawsonalize.core.late import late

if TYPE_CHECKING:
    from pawsonalize.plugins.dead_letters import archive, commands, keeping, pages
else:
    archive = late("pawsonalize.plugins.dead_letters.archive")
    commands = late("pawsonalize.plugins.dead_letters.commands")
    keeping = late("pawsonalize.plugins.dead_letters.keeping")
    pages = late("pawsonalize.plugins.dead_letters.pages")

PORTS = (
    REFUSALS.by(lambda adapters: keeping.event_refusals(adapters)),
    STREAM_REFUSALS.by(lambda adapters: keeping.stream_refusals(adapters)),
    REFUSAL_REPORTS.by(lambda adapters: pages.NamedDeadLetters(adapters)),
    REFUSED_LINES.by(lambda adapters, lines: commands.RefusedTail(adapters, lines).lines),
    ARCHIVE_REFUSED.by(lambda adapters: archive.archive_refused(adapters)),
)
