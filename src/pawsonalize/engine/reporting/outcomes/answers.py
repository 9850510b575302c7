"""Answers as outcomes find them: by their id, or by the visitor who got them."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from pawsonalize.storage.impressions import RECOMMENDATION, Impression, Impressions

_BATCH = 10_000
CHOSEN = 0.5
"""A place's item with a greater propensity was the best left, for exploration weights up to it."""


class Policy(StrEnum):
    """What put an animal before the visitor's eyes; NONE: nothing of ours, as far as is known."""

    RECOMMENDED = "recommended"
    EXPLORED = "explored"
    RANKED = "ranked"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Cause:
    """The policy and the solution version that an outcome is put down to."""

    policy: Policy
    version: str | None = None


NOBODY = Cause(Policy.NONE)


def policy_of(answer: Impression, place: int) -> Policy:
    """What gave the place its item."""
    if answer.question != RECOMMENDATION:
        return Policy.RANKED
    odds = answer.propensities
    return Policy.EXPLORED if odds is not None and odds[place] <= CHOSEN else Policy.RECOMMENDED


def answers_between(impressions: Impressions, since: int, until: int) -> Iterator[list[Impression]]:
    """Answers that somebody saw, many at a time: all but replays of another moment."""
    after = ""
    while page := impressions.between(since, until, after, _BATCH):
        yield [answer for answer in page if answer.as_of == answer.answered_at]
        after = page[-1].recommendation_id


class AnswerIndex:
    """The answers that given outcomes may have come of."""

    def __init__(self, named: Collection[str], visitors: Collection[str]) -> None:
        self._named, self._visitors = named, visitors
        self._by_id: dict[str, Impression] = {}
        self._by_visitor: dict[str, list[Impression]] = defaultdict(list)

    def add(self, answer: Impression, visitor: str | None) -> None:
        """Remember an answer to that visitor, if any of the outcomes may ask for it."""
        if answer.recommendation_id in self._named:
            self._by_id[answer.recommendation_id] = answer
        if visitor in self._visitors and visitor is not None:
            self._by_visitor[visitor].append(answer)

    def named(self, recommendation_id: str) -> Impression | None:
        """The answer of that id."""
        return self._by_id.get(recommendation_id)

    def newest(self, visitor: str, ids: Collection[str], since: int, at: int) -> Impression | None:
        """The visitor's newest answer of that time that held one of the ids."""
        held = [
            answer
            for answer in self._by_visitor.get(visitor, ())
            if since <= answer.answered_at <= at and not set(ids).isdisjoint(answer.item_ids)
        ]
        return max(held, key=lambda one: (one.answered_at, one.recommendation_id), default=None)
