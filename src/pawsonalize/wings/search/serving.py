"""Parts that the wing's operations share, and work that it repeats in the background."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.background import Task
from pawsonalize.domain.roles import SERVE
from pawsonalize.settings import Settings
from pawsonalize.wings.search import SearchSettings
from pawsonalize.wings.search.finding import Searching
from pawsonalize.wings.search.meanings import DescriptionMeanings

if TYPE_CHECKING:
    from pawsonalize.access.services import Services  # of a server, and commands load the searches

_SECONDS = 0.5
_PARTS = 10  # at a time, so that a server that ends waits for half a second at most


def searches(settings: Settings, adapters: Adapters) -> Searching:
    """The searches of this process."""
    meanings = DescriptionMeanings.of(settings, adapters.animals)
    return Searching(adapters.animals, meanings, settings.part(SearchSettings).search_log)


def tasks(
    settings: Settings, _adapters: Adapters, services: "Services", _shared: None
) -> Iterator[Task]:
    """Yield the work that keeps the index current, so that hardly any search has to read."""
    if settings.has_role(SERVE):
        watch, searching = services.individuals.available, services.individuals.searches
        assert isinstance(searching, Searching)

        def follow() -> None:
            now = clock.now()
            index = searching.index(watch.of(now, now), now)
            for _ in range(_PARTS):
                if not index.read_traits():
                    break
            if searching.meanings is not None:
                searching.meanings.make(index)

        yield Task("index animals", _SECONDS, follow)
