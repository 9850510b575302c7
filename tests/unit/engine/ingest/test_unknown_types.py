"""Types that nobody gave a meaning are told of; those that a solution names are not."""

from pawsonalize.domain.event_types import STANDARD
from pawsonalize.engine.ingest.events import UnknownTypes, named_types
from pawsonalize.engine.resources.datasets import DatasetGroup
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.solutions import EventParameters, Solution, TrainingSelection
from pawsonalize.storage.database import Database
from pawsonalize.storage.resources import Resources
from tests.event_data import T0, event


def test_a_type_that_a_solution_of_its_dataset_group_names_needs_no_meaning(
    database: Database,
) -> None:
    registry = Registry(Resources(database))
    registry.create(DatasetGroup(name="films"), T0)
    selection = TrainingSelection((EventParameters("watch"),))
    wanted = Solution(name="s", dataset_group="films", recipe="trending-now", selection=selection)
    registry.create(wanted, T0)
    told: list[str] = []
    types = UnknownTypes(STANDARD, lambda: named_types(registry), told.append)
    events = [
        event("1", event_type="Watch", dataset_group="films"),
        event("2", event_type="Watch", dataset_group="pets"),
        event("3", event_type="rating", dataset_group="films"),
        event("4", event_type="DetailView", dataset_group="films"),
        event("5", event_type="TAKEN", dataset_group="films/actions"),
    ]
    unknown = types.among(events)
    assert [one.event_id for one in unknown] == ["1", "2", "3"]
    types.note(unknown)
    assert told == ["Watch", "rating"]
