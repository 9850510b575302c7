"""Check of dead letters, which loads no more than it reads."""

from collections.abc import Iterator

from pawsonalize.app.checks import EVERYWHERE, Check, CheckedService, Diagnosis, attention, fine
from pawsonalize.engine.ingest.refusals import HTTP
from pawsonalize.wings.dead_letters import DeadLetterSettings
from pawsonalize.wings.dead_letters.dead_letters import DeadLetters


def waiting_letters(service: CheckedService) -> Iterator[Diagnosis]:
    """Count waiting letters by reason, most frequent first."""
    reasons = DeadLetters(service.adapters.database).reasons()
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
    most = service.settings.part(DeadLetterSettings).max_dead_letters
    # Senders by HTTP had an answer; those of a stream hear of it only here.
    is_bad = waiting >= most or any(one.source != HTTP for one in reasons)
    yield (attention if is_bad else fine)(text, move)


CHECKS = (Check("dead letters", waiting_letters, EVERYWHERE),)
