"""From the tables to off-policy evaluation: what was shown, its propensity and its outcome."""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.events import MAX_IMPRESSION_ITEMS
from pawsonalize.domain.times import DAY
from pawsonalize.evaluation.off_policy import Choices
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.impressions import Impression, Impressions

_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class LoggedChoices:
    """One row for each place of each answer; the columns have the shape (rows,).

    `item` are codes of `item_ids`; `answer` those of `recommendation_ids` and `solution_versions`;
    `place` counts from 0. `reward` is the best outcome of the item, `propensity` its probability at
    the place, given the items before it. `unattributed` counts outcomes that name no such answer or
    no item of it, or that came too late.
    """

    recommendation_ids: tuple[str, ...]
    solution_versions: tuple[str, ...]
    item_ids: tuple[str, ...]
    answer: NDArray[np.int64]
    item: NDArray[np.int64]
    place: NDArray[np.int64]
    propensity: NDArray[np.float64]
    reward: NDArray[np.float64]
    unattributed: int

    def __len__(self) -> int:
        return len(self.item)

    def choices(self, target: NDArray[np.float64]) -> Choices:
        """Add the probability that another policy gives each row's item at its place."""
        return Choices(self.reward, self.propensity, target, self.answer)


def logged_choices(
    impressions: Impressions,
    log: EventLog,
    rewards: Mapping[str, float],
    *,
    since: int,
    until: int,
    within: int = DAY,
    places: int = MAX_IMPRESSION_ITEMS,
) -> LoggedChoices:
    """The recommendations from `since` to before `until` that visitors saw.

    Only recommendations with propensities, and of each the first `places`. `rewards` has the value
    of each event type. An outcome counts if it names the answer and one of these items, and was
    sent at most `within` milliseconds after the answer. Moments are milliseconds since 1970.
    """
    rows = _Rows(places)
    for impression in _answers(impressions, since, until):
        # Answers of animals have propensities of animals, not of the groups that policies choose.
        of_groups = impression.animal_ids is None
        if impression.is_seen and of_groups and impression.propensities is not None:
            rows.add(impression)
    worth = {log.event_types.meaning(name): value for name, value in rewards.items()}
    reward, unattributed = np.zeros(len(rows.item)), 0
    for kind, sent_at, key in _outcomes(log):
        row = rows.by_item.get(key)
        if row is None or sent_at > rows.answered_at[rows.answer[row]] + within:
            unattributed += 1
        else:
            reward[row] = max(reward[row], worth.get(log.event_types.meaning(kind), 0.0))
    return LoggedChoices(
        recommendation_ids=tuple(rows.names),
        solution_versions=tuple(rows.versions),
        item_ids=tuple(rows.codes),
        answer=np.array(rows.answer, np.int64),
        item=np.array(rows.item, np.int64),
        place=np.array(rows.place, np.int64),
        propensity=np.array(rows.propensity, np.float64),
        reward=reward,
        unattributed=unattributed,
    )


class _Rows:
    """Places of answers, gathered as columns."""

    def __init__(self, places: int) -> None:
        self._places = places
        self.names: list[str] = []
        self.versions: list[str] = []
        self.answered_at: list[int] = []
        self.codes: dict[str, int] = {}
        self.by_item: dict[tuple[str, str], int] = {}
        self.answer, self.item, self.place = array("q"), array("q"), array("q")
        self.propensity = array("d")

    def add(self, shown: Impression) -> None:
        assert shown.propensities is not None
        pairs = zip(shown.item_ids, shown.propensities, strict=True)
        for place, (item_id, odds) in enumerate(pairs):
            if place == self._places:
                break
            self.by_item[shown.recommendation_id, item_id] = len(self.item)
            self.answer.append(len(self.names))
            self.item.append(self.codes.setdefault(item_id, len(self.codes)))
            self.place.append(place)
            self.propensity.append(odds)
        self.names.append(shown.recommendation_id)
        self.versions.append(shown.solution_version)
        self.answered_at.append(shown.answered_at)


def _answers(impressions: Impressions, since: int, until: int) -> Iterator[Impression]:
    after = ""
    while page := impressions.between(since, until, after, _BATCH):
        yield from page
        after = page[-1].recommendation_id


def _outcomes(log: EventLog) -> Iterator[tuple[str, int, tuple[str, str]]]:
    """Type, moment, and answer and item of every event that names an answer."""
    after = 0
    while page := log.outcomes(after, _BATCH):
        for logged in page:
            event = logged.event
            assert event.recommendation_id is not None
            yield event.event_type, event.sent_at, (event.recommendation_id, event.item_id)
        after = page[-1].offset
