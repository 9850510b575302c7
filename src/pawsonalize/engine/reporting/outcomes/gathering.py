"""Outcomes as they were told: by events, and by the record of each animal."""

from collections import Counter
from collections.abc import Sequence

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.engine.reporting.outcomes.outcome import Kind, Outcome
from pawsonalize.storage.outcomes import Outcomes

_BATCH = 10_000
_KIND_OF = {AnimalStatus.ADOPTED: Kind.ADOPTION, AnimalStatus.RETURNED: Kind.RETURN}


def told_outcomes(table: Outcomes, since: int, until: int) -> list[Outcome]:
    """The events that are outcomes, each with its visitor."""
    events = []
    after = 0
    while page := table.events([*Kind], since, until, after, _BATCH):
        events += [logged.event for logged in page]
        after = page[-1].offset
    alone = {one.session_id for one in events if one.user_id is None and one.session_id is not None}
    users = table.users_of(alone)
    return [
        Outcome(
            kind=Kind(table.event_types.meaning(event.event_type)),
            at=event.sent_at,
            visitor=event.user_id or users.get(event.session_id or "", event.session_id),
            item_id=event.item_id,
            animal_id=event.animal_id,
            recommendation_id=event.recommendation_id,
        )
        for event in events
    ]


def unreported(
    animals: Sequence[Animal], told: Sequence[Outcome], since: int, until: int
) -> list[Outcome]:
    """Adoptions and returns that the record knows and no event told: nobody knows by whom."""
    events = Counter((one.kind, one.animal_id) for one in told)
    found = []
    for animal in animals:
        for change in animal.history:
            kind = _KIND_OF.get(change.status)
            if kind is None or not since <= change.at < until:
                continue
            if events[kind, animal.animal_id]:
                events[kind, animal.animal_id] -= 1
                continue
            group = animal.group_at(change.at).id
            found.append(Outcome(kind, change.at, None, group, animal.animal_id))
    return found
