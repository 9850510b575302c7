"""Campaigns that do not serve what they were asked to, as problems."""

from collections.abc import Iterable

from pawsonalize.app.attempts import PATIENCE, Reporting
from pawsonalize.engine.resources.problems import Problems
from pawsonalize.engine.serving.live_model import LiveModel


class Faults:
    """Reports what is wrong with the models of campaigns, for one process."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._reporting: dict[str, Reporting] = {}

    def look(self, live: Iterable[LiveModel]) -> None:
        """Report each that has a fault, and clear each that has none. Raises nothing."""
        for one in live:
            reporting = self._reporting.setdefault(
                one.name, Reporting(self._problems, f"model of campaign {one.name}", PATIENCE)
            )
            if one.fault is None:
                reporting.succeeded()
            else:
                reporting.failed(one.fault)
