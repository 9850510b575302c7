"""`pawsonalize visits`: who comes next."""

import time

from paws_visits.book import Visit, VisitBook
from pawsonalize import Adapters, Command, on_data


def print_visits(visits: list[Visit]) -> None:
    """Print a line for each visit."""
    for visit in visits:
        print(visit.at, visit.animal_id, visit.name)


@on_data(print_visits)
def list_visits(adapters: Adapters) -> list[Visit]:
    """List the booked visits, the next one first.

    Example: pawsonalize visits
    """
    return VisitBook(adapters.database).coming(round(time.time() * 1000))


COMMANDS = (Command("visits", list_visits, panel="Look after the service"),)
