"""Old visits are forgotten in the background."""

from collections.abc import Iterator

from paws_visits import VisitSettings
from paws_visits.book import VisitBook
from pawsonalize import Adapters, Services, Task

DAY = 86_400_000  # milliseconds
PAUSE = 600.0  # seconds


def tasks(adapters: Adapters, services: Services, book: VisitBook) -> Iterator[Task]:
    """Yield what the server repeats; a failure is a problem on the console while it lasts."""
    days = adapters.settings.part(VisitSettings).visit_days
    yield Task("forget old visits", PAUSE, lambda: book.forget(services.now() - days * DAY))
