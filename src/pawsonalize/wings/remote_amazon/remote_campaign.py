"""The campaign at a remote engine that stands behind one of ours."""

import time
from collections.abc import Callable

from pawsonalize.engine.serving.served import ServingSettings
from pawsonalize.kinds.solutions import SolutionVersion
from pawsonalize.recipes.contract import Model
from pawsonalize.wings.remote_amazon.campaigns import AmazonServing
from pawsonalize.wings.remote_amazon.engine import AmazonPersonalize
from pawsonalize.wings.remote_amazon.queries import AmazonQueries
from pawsonalize.wings.remote_amazon.remote_model import AmazonModel

_FIRST_LOOKS = 5  # soon after each other, as a small campaign may be quick
_FIRST_SECONDS = 1.0


class AmazonCampaign:
    """See `RemoteCampaign`. Moves the campaign there, a look at a time."""

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

    def model(self, version: SolutionVersion, stand_in: Model) -> AmazonModel:
        """See `RemoteCampaign.model`."""
        solution = version.solution
        if solution not in self._queries:
            self._queries[solution] = self._personalize.queries(self._campaign, solution)
        return AmazonModel(version.recipe, stand_in, self._queries[solution])

    def is_serving(
        self, version: SolutionVersion, settings: ServingSettings, requested_at: int
    ) -> bool:
        """Look now and then, however often it is called; see `RemoteCampaign.is_serving`."""
        assert version.remote is not None
        wanted = AmazonServing(
            version=version.remote,
            solution=version.solution,
            recipe=version.recipe,
            min_provisioned_tps=settings.min_provisioned_tps,
            exploration_weight=settings.exploration_weight,
            exploration_item_age_cut_off=settings.exploration_item_age_cut_off,
            asked_at=requested_at,
        )
        looks = self._looked[1] if self._looked and self._looked[0] == wanted else 0
        if looks and self._steady() < self._look_again_at:
            return False
        pause = self._personalize.check_seconds
        self._looked = wanted, looks + 1
        self._look_again_at = self._steady() + (
            min(_FIRST_SECONDS, pause) if looks < _FIRST_LOOKS else pause
        )
        return self._personalize.campaigns.reach(self._campaign, wanted)
