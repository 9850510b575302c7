"""Answers are kept for a time, and then deleted."""

import structlog

from pawsonalize.domain.times import DAY
from pawsonalize.engine.resources.names import first_recommendation_id
from pawsonalize.storage.impressions import Impressions

_AT_ONCE = 2_000  # in one transaction, so that events wait for none of them

log = structlog.get_logger()


class AnswerRetention:
    """Deletes answers that are older than so many days; 0 days keep them for ever."""

    def __init__(self, impressions: Impressions, days: int) -> None:
        self._impressions = impressions
        self._days = days

    def forget_old(self, now: int) -> int:
        """Delete what is too old by now; returns how many answers those were."""
        if not self._days:
            return 0
        before, deleted = now - self._days * DAY, 0
        first_id = first_recommendation_id(before)
        while found := self._impressions.forget(before, first_id, _AT_ONCE):
            deleted += found
        if deleted:
            log.info("old answers deleted", count=deleted, days=self._days)
        return deleted
