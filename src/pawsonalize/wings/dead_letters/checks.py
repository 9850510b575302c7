"""Check of the dead letters."""

from collections.abc import Iterator

from pawsonalize.app.checks import EVERYWHERE, Check, CheckedService, Diagnosis, attention, fine
from pawsonalize.engine.ingest.refusals import HTTP
from pawsonalize.wings.dead_letters.composition import letters_of
from pawsonalize.wings.dead_letters.settings import DeadLetterSettings


def dead_letters(service: CheckedService) -> Iterator[Diagnosis]:
    """Count waiting letters by reason, most frequent first."""
    reasons = letters_of(service.adapters).reasons()
    waiting = sum(one.count for one in reasons)
    if not waiting:
        yield fine("none waits")
        return
    commonest = ", ".join(f"{one.field or one.code} ({one.count:,})" for one in reasons[:3])
    text = f"{waiting:,} wait, most of them for {commonest}"
    move = (
        "look at them with `pawsonalize dead-letters ls`, mend and replay or remove them"
        " (docs/how-to/mend-dead-letters.md)"
    )
    # Who sent by HTTP was told; of what is in a stream, this is the only word.
    if (
        any(one.source != HTTP for one in reasons)
        or waiting >= service.settings.part(DeadLetterSettings).max_dead_letters
    ):
        yield attention(text, move)
    else:
        yield fine(text, move)


CHECKS = (Check("dead letters", dead_letters, EVERYWHERE),)
