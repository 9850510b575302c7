"""Recommends actions: which to suggest to this user now."""

import msgspec
import numpy as np

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.limits import check_between
from pawsonalize.domain.times import DAY, SECOND
from pawsonalize.engine.serving.context import Query, context_of
from pawsonalize.engine.serving.filtering import Filterings
from pawsonalize.engine.serving.impressions import ImpressionLog
from pawsonalize.engine.serving.served import Served
from pawsonalize.kinds.resource import new_recommendation_id
from pawsonalize.recipes.next_best_action import NextBestActionModel

MAX_ACTIONS = 100
QUESTION = "action recommendation"
_REPEATS_WITHIN = 500  # a user's newest interactions, in which repeats are looked for


# A score is the probability that the user takes the action, times its share of the greatest VALUE.
class ActionAnswer(msgspec.Struct, frozen=True):
    """Actions, best first, each with its score, 0 to 1."""

    recommendation_id: str
    actions: tuple[tuple[str, float], ...]


class ActionRecommending(msgspec.Struct, frozen=True):
    """Suggests actions by probability times VALUE, but for expired ones and early repeats."""

    # VALUE is 1 if none is given, EXPIRATION_TIMESTAMP in epoch seconds, REPEAT_FREQUENCY in days.

    filterings: Filterings
    impressions: ImpressionLog

    def recommend(self, served: Served, query: Query) -> ActionAnswer:
        """The best actions for the visitor, up to the limit; InvalidInput for 0 or over 100."""
        model, now, visitor = served.model, query.now, query.visitor
        if not isinstance(model, NextBestActionModel):
            raise InvalidInput(
                f"{served.version.recipe} recommends items: ask a campaign of next-best-action"
            )
        check_between("numResults", query.limit, 1, MAX_ACTIONS)
        actions, ids = self.filterings.of(served.dataset_group), model.item_ids
        probabilities = model.probabilities(context_of(actions.log, visitor, now))
        columns = actions.metadata.columns(ids, now)
        # An action without the column never expires, and needs no rest.
        expires = np.nan_to_num(columns.numbers("EXPIRATION_TIMESTAMP"), nan=np.inf) * SECOND
        rests = np.nan_to_num(columns.numbers("REPEAT_FREQUENCY"), nan=0.0) * DAY
        last = np.full(len(ids), -np.inf)
        for action, _, sent_at, _ in actions.log.recent(visitor, now, _REPEATS_WITHIN):
            if (place := columns.position.get(action)) is not None:
                last[place] = max(last[place], sent_at)
        may = (expires > now) & (now - last >= rests)
        if query.filter is not None:
            may &= actions.items(query.filter, ids, query)
        values = np.nan_to_num(columns.numbers("VALUE"), nan=1.0)
        scores = probabilities * values / values.max(initial=1.0)
        order = np.argsort(-scores, kind="stable")
        best = order[may[order]][: query.limit].tolist()
        name = new_recommendation_id(now)
        answer = ActionAnswer(name, tuple((ids[one], float(scores[one])) for one in best))
        shown, group = (action for action, _ in answer.actions), served.dataset_group
        version = served.version.name
        self.impressions.add(query.impression(name, QUESTION, version, shown, dataset_group=group))
        return answer
