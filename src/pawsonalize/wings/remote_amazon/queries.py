"""The two questions, asked of a campaign at Amazon Personalize."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from pawsonalize.domain.errors import EngineUnavailable, NotFound, PawsonalizeError
from pawsonalize.wings.remote_amazon.calls import Calls
from pawsonalize.wings.remote_amazon.campaigns import AmazonCampaigns

MOST = 500
"""So many items one question gets, or gives."""
NOBODY = "pawsonalize-nobody"
"""A user without any event: what everybody likes."""
_FORGOTTEN_SECONDS = 60.0
_PAUSE_SECONDS = 2.0  # after a failure nobody waits for another one

log = structlog.get_logger()


class AmazonQueries:
    """Asks one campaign. After a failure it is not asked for a moment, so that nobody waits."""

    def __init__(
        self,
        calls: Calls,
        campaigns: AmazonCampaigns,
        campaign: str,
        solution: str,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`campaign` and `solution` are the names of ours."""
        self._calls = calls
        self._campaigns = campaigns
        self._campaign = campaign
        self._solution = solution
        self._steady = steady
        self._changing = threading.Lock()
        self._rest_until = 0.0
        self._reason: str | None = None

    @property
    def why_away(self) -> str | None:
        """Why the last question failed; None if it did not, or if nobody asked for a while."""
        is_old = self._steady() - self._rest_until > _FORGOTTEN_SECONDS
        return None if is_old else self._reason

    def recommend(
        self, user: str | None, item: str | None, limit: int
    ) -> list[tuple[str, float | None]]:
        """Items, best first, with their scores if the recipe gives any.

        EngineUnavailable if Amazon Personalize does not answer.
        """
        about = {} if item is None else {"itemId": item}
        answer = self._asked(
            "get_recommendations",
            userId=user or NOBODY,
            numResults=max(1, min(limit, MOST)),
            **about,
        )
        return [(one["itemId"], one.get("score")) for one in answer["itemList"]]

    def rank(self, user: str | None, items: Sequence[str]) -> list[tuple[str, float | None]]:
        """At most `MOST` items in order; unknown ones may have no score."""
        answer = self._asked(
            "get_personalized_ranking", userId=user or NOBODY, inputList=list(items[:MOST])
        )
        return [(one["itemId"], one.get("score")) for one in answer["personalizedRanking"]]

    def _asked(self, operation: str, **parameters: Any) -> dict[str, Any]:
        if self._steady() < self._rest_until:
            raise EngineUnavailable(self._reason or "Amazon Personalize does not answer")
        try:
            arn = self._campaigns.find(self._campaign, self._solution)
            if arn is None:
                raise NotFound(f"Amazon Personalize has no campaign for {self._campaign} yet")
            answer = self._calls.query(operation, campaignArn=arn, **parameters)
        except PawsonalizeError as error:
            self._failed(error)
            raise EngineUnavailable(error.message) from error
        with self._changing:
            self._reason = None
        return answer

    def _failed(self, error: PawsonalizeError) -> None:
        with self._changing:
            is_new = self._reason is None
            self._reason = error.message
            self._rest_until = self._steady() + _PAUSE_SECONDS
        if is_new:  # once, however often it fails again
            log.warning("popular groups answer", campaign=self._campaign, reason=error.message)
