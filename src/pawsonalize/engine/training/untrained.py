"""Answers before the first training: from counts, without anything learned."""

from collections.abc import Callable
from dataclasses import dataclass

from pawsonalize.domain.errors import NotReady
from pawsonalize.engine.serving.live_model import LiveModel
from pawsonalize.engine.serving.served import UNTRAINED, Served, ServingSettings
from pawsonalize.engine.training.training_data import training_data
from pawsonalize.kinds.defaults import RECOMMENDER
from pawsonalize.kinds.solutions import Cut, SolutionVersion
from pawsonalize.recipes.user_personalization import UserPersonalization
from pawsonalize.storage.animals.animals import Availability
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.storage.events.event_log import EventLog

_NEWEST_EVENTS = 20_000  # counted in about a second; a training counts all events
_REST = 9  # times as long as a count took, so that answers have nine tenths of the time


class Untrained:
    """Counts the groups of the inventory and the newest events, in place of a model.

    So a visitor's own events, the quiz and what others look at count from the first event on.
    Without any animal in the inventory there is no answer.
    """

    def __init__(
        self,
        log: EventLog,
        catalogue: Catalogue,
        availability: Availability,
        settings: ServingSettings,
        now: Callable[[], int],
    ) -> None:
        self._log = log
        self._catalogue = catalogue
        self._availability = availability
        self._settings = settings
        self._now = now
        self._served: Served | None = None
        self._seen = (0, 0)
        self._rested_at = 0

    @property
    def current(self) -> Served:
        """The counts of the last `refresh`, or the first ones; NotReady if no animal is known."""
        if self._served is None:
            self.refresh()
        if (served := self._served) is None:
            raise NotReady(
                "no model is live yet, and no animal is in the inventory: put animals, or run"
                " `pawsonalize train`, then ask again"
            )
        return served

    @property
    def is_ready(self) -> bool:
        """Whether there is something to answer with."""
        return self._served is not None or self._availability.revision().number > 0

    def refresh(self) -> None:
        """Count again if animals or events changed, after a pause since the last count."""
        revision, head = self._availability.revision().number, self._log.head()
        now = self._now()
        if not revision or (revision, head) == self._seen or now < self._rested_at:
            return
        data = training_data(
            self._log,
            self._catalogue,
            through=head,
            as_of=now,
            after=max(0, head - _NEWEST_EVENTS),
        )
        recipe = UserPersonalization()
        model = recipe.fit(data, recipe.settings(learn=False, classes=0), seed=0)
        version = SolutionVersion(
            name=UNTRAINED, solution=RECOMMENDER, recipe=recipe.name, cut=Cut(head, now)
        )
        self._served = Served(version, model, self._settings)
        self._seen = revision, head
        counted = self._now()
        self._rested_at = counted + _REST * (counted - now)

    def forget(self) -> None:
        """Drop the counts, because a model is live."""
        self._served, self._seen = None, (0, 0)


@dataclass(frozen=True, slots=True)
class TrainedOrNot:
    """Model that a campaign serves; until it serves any, the counts."""

    live: LiveModel
    untrained: Untrained

    @property
    def current(self) -> Served:
        """See `Serving`."""
        return self.live.current if self.live.is_ready else self.untrained.current

    @property
    def is_ready(self) -> bool:
        """See `Serving`."""
        return self.live.is_ready or self.untrained.is_ready

    def refresh(self) -> None:
        """Count again while no model is live; drop the counts once one is."""
        if self.live.is_ready:
            self.untrained.forget()
        else:
            self.untrained.refresh()
