"""Recommends actions: which to suggest to this user now."""

from dataclasses import dataclass

import numpy as np

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.limits import check_between
from pawsonalize.domain.times import DAY, SECOND
from pawsonalize.engine.serving.context import context_of
from pawsonalize.engine.serving.filtering import Filterings
from pawsonalize.engine.serving.impressions import ImpressionLog
from pawsonalize.engine.serving.items import Mask
from pawsonalize.engine.serving.served import Served
from pawsonalize.kinds.resource import new_recommendation_id
from pawsonalize.recipes.next_best_action import NextBestActionModel
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.impressions import Impression

MAX_ACTIONS = 100
QUESTION = "action recommendation"
_REMEMBERED = 500  # a user's newest interactions, in which repeats are looked for


@dataclass(frozen=True, slots=True)
class ActionAnswer:
    """Actions, best first, each with the probability that the user takes it."""

    recommendation_id: str
    actions: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class ActionRecommending:
    """Suggests actions by their probability times their VALUE (1 if none is given).

    An action is left out after its EXPIRATION_TIMESTAMP (epoch seconds), and for REPEAT_FREQUENCY
    days after the user did anything with it.
    """

    log: EventLog
    filterings: Filterings
    impressions: ImpressionLog

    def recommend(self, served: Served, visitor: Visitor, limit: int, now: int) -> ActionAnswer:
        """The best actions for the visitor; fewer than `limit` if no more may be suggested.

        InvalidInput for a limit outside 1…100, or a version of items instead of actions.
        """
        model = served.model
        if not isinstance(model, NextBestActionModel):
            raise InvalidInput(
                f"{served.version.recipe} recommends items: ask a campaign of next-best-action"
            )
        check_between("numResults", limit, 1, MAX_ACTIONS)
        log = self.log.of(served.dataset_group)
        probabilities = model.probabilities(context_of(log, visitor, now))
        columns = self.filterings.of(served.dataset_group).metadata.columns(model.item_ids, now)
        values = np.nan_to_num(columns.numbers("VALUE"), nan=1.0)
        may = self._may(log, served, visitor, now)
        order = np.argsort(-(probabilities * values), kind="stable")
        best = [place for place in order.tolist() if may[place]][:limit]
        answer = ActionAnswer(
            new_recommendation_id(now),
            tuple((model.item_ids[place], float(probabilities[place])) for place in best),
        )
        self._remember(answer, served, visitor, now)
        return answer

    def _may(self, log: EventLog, served: Served, visitor: Visitor, now: int) -> Mask:
        """True for actions that may be suggested to the visitor, shape (actions,)."""
        ids = served.model.item_ids
        columns = self.filterings.of(served.dataset_group).metadata.columns(ids, now)
        expires = np.nan_to_num(columns.numbers("EXPIRATION_TIMESTAMP"), nan=np.inf) * SECOND
        rests = np.nan_to_num(columns.numbers("REPEAT_FREQUENCY"), nan=0.0) * DAY
        last = np.full(len(ids), -np.inf)
        for action, _, sent_at, _ in log.recent(visitor, now, _REMEMBERED):
            place = columns.position.get(action)
            if place is not None:
                last[place] = max(last[place], sent_at)
        may: Mask = (expires > now) & (now - last >= rests)
        return may

    def _remember(self, answer: ActionAnswer, served: Served, visitor: Visitor, now: int) -> None:
        self.impressions.add(
            Impression(
                recommendation_id=answer.recommendation_id,
                question=QUESTION,
                user_id=visitor.user_id,
                session_id=visitor.session_id,
                answered_at=now,
                as_of=now,
                solution_version=served.version.name,
                item_ids=tuple(action for action, _ in answer.actions),
                dataset_group=served.dataset_group,
            )
        )
