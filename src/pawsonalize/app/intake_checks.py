"""The doctor's checks of what comes in."""

from collections.abc import Iterator

from pawsonalize.app.diagnosis import Diagnosis, Patient, attention
from pawsonalize.domain.dead_letters import HTTP


def dead_letters(patient: Patient) -> Iterator[Diagnosis]:
    """What could not be taken, and why."""
    reasons = patient.adapters.dead_letters.reasons()
    waiting = sum(one.count for one in reasons)
    if not waiting:
        yield Diagnosis("dead letters", "none waits")
        return
    commonest = ", ".join(f"{one.field or one.code} ({one.count:,})" for one in reasons[:3])
    told = f"{waiting:,} wait, most of them for {commonest}"
    move = (
        "look at them with `pawsonalize dead-letters ls`, mend and replay or remove them"
        " (docs/how-to/mend-dead-letters.md)"
    )
    # Who sent by HTTP was told; of what is in a stream, this is the only word.
    if any(one.source != HTTP for one in reasons) or waiting >= patient.settings.max_dead_letters:
        yield attention("dead letters", told, move)
    else:
        yield Diagnosis("dead letters", told, next_move=move)
