"""What a service's tables say of its newest weeks, for the advice on live tests."""

import msgspec

from pawsonalize.animals.animal import AnimalStatus
from pawsonalize.animals.inventory import Inventory
from pawsonalize.core.times import DAY
from pawsonalize.plugins.live_tests.advice import Advice, advise
from pawsonalize.reports.outcomes import OutcomeKind, reported_outcomes, unreported_outcomes
from pawsonalize.reports.outcomes_report import OutcomeSources

# With fewer, chance alone moves the advice: a rate of 10 events is known to about a third.
_FEWEST = {"visits": 100, "inquiries": 20, "adoptions": 10, "available": 1}
_WEEK = 7 * DAY


class Traffic(msgspec.Struct, frozen=True):
    """Counts of the newest `days` (a visit is a session with an event), and of who is here now."""

    days: int
    visits: int
    inquiries: int
    adoptions: int
    available: int
    shelters: int

    @classmethod
    def read(cls, sources: OutcomeSources, now: int) -> "Traffic":
        """Count in the newest 28 days; whole weeks before the first visit are left out."""
        log, animals = sources.log, list(Inventory(sources.animals).all())
        starts = (now - weeks * _WEEK for weeks in (4, 3, 2))
        since = next((one for one in starts if log.sessions(one, one + _WEEK)), now - _WEEK)
        outcomes = reported_outcomes(log, since, now)
        outcomes += unreported_outcomes(animals, outcomes, since, now)
        kinds = [outcome.kind for outcome in outcomes]
        asked, adopted = kinds.count(OutcomeKind.INQUIRY), kinds.count(OutcomeKind.ADOPTION)
        here = [one.shelter for one in animals if one.status is AnimalStatus.AVAILABLE]
        days, visits = (now - since) // DAY, len(log.sessions(since, now))
        return cls(days, visits, asked, adopted, len(here), max(1, len({*here})))

    def lacks(self) -> str:
        """Say in a line what there is too little of for advice; empty if there is enough."""
        counts = {name: getattr(self, name) for name in _FEWEST}
        few = [
            f"{n} {name} (needs {_FEWEST[name]})" for name, n in counts.items() if n < _FEWEST[name]
        ]
        return f"Too few figures for advice, in {self.days} days: {', '.join(few)}." if few else ""

    def advise(self) -> Advice:
        """Advise on a test in which all visitors are, by inquiries; a switchback by adoptions."""
        return advise(
            visits_per_day=self.visits / self.days,
            events_per_day=self.inquiries / self.days,
            adoptions_per_day=self.adoptions / self.days,
            animals_available=self.available,
            shelters=self.shelters,
        )
