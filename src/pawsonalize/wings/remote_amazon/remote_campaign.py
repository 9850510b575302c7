"""The campaign at a remote engine that stands behind one of ours."""

import time
from collections.abc import Callable

from pawsonalize.wings.remote_amazon.campaigns import AmazonServing
from pawsonalize.wings.remote_amazon.engine import AmazonPersonalize
from pawsonalize.wings.remote_amazon.queries import AmazonQueries

_FIRST_LOOKS = 5  # soon after each other, as a small campaign may be quick
_FIRST_SECONDS = 1.0


class RemoteCampaign:
    """Moves the campaign there, a look at a time, and asks it."""

    def __init__(
        self,
        personalize: AmazonPersonalize,
        campaign: str,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`campaign` is the name of ours."""
        self._personalize = personalize
        self._campaign = campaign
        self._steady = steady
        self._queries: dict[str, AmazonQueries] = {}
        self._looked: tuple[AmazonServing, int] | None = None
        self._look_again_at = 0.0

    def queries_of(self, solution: str) -> AmazonQueries:
        """What asks the campaign there; `solution` is ours."""
        if solution not in self._queries:
            self._queries[solution] = self._personalize.queries(self._campaign, solution)
        return self._queries[solution]

    def is_serving(self, wanted: AmazonServing) -> bool:
        """Whether the campaign there serves that; if not, it is updated or waited for.

        Looks now and then, however often it is called. Conflict with the reason if it has failed;
        EngineUnavailable while nobody answers.
        """
        looks = self._looked[1] if self._looked and self._looked[0] == wanted else 0
        if looks and self._steady() < self._look_again_at:
            return False
        pause = self._personalize.check_seconds
        self._looked = wanted, looks + 1
        self._look_again_at = self._steady() + (
            min(_FIRST_SECONDS, pause) if looks < _FIRST_LOOKS else pause
        )
        return self._personalize.campaigns.reach(self._campaign, wanted)
