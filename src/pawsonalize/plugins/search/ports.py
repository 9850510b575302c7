"""Searches for recommendations."""

from typing import TYPE_CHECKING

from pawsonalize.app.ports import SEARCHES
from pawsonalize.plugins.search import SearchSettings

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.plugins.search.finding import Searching


def searches(adapters: "Adapters") -> "Searching":
    """Return the searches of this process."""
    from pawsonalize.plugins.search.finding import Searching
    from pawsonalize.plugins.search.meanings import DescriptionMeanings

    settings = adapters.settings
    meanings = DescriptionMeanings.of(settings, adapters.animals)
    return Searching(adapters.animals, meanings, settings.part(SearchSettings).search_log)


PORTS = (SEARCHES.by(searches),)
