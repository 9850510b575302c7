"""Types that nobody gave a meaning are told of; those that a solution names are not."""

from structlog.testing import capture_logs

from pawsonalize.core.database.database import Database
from pawsonalize.core.event import STANDARD, EventTypes
from pawsonalize.events.ingest import UnknownTypes
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import (
    EventParameters,
    Solution,
    TrainingSelection,
    named_types,
)
from pawsonalize.resources.tables import Resources
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
    types = UnknownTypes(STANDARD, lambda: named_types(registry.all(Solution)), told.append)
    events = [
        event("1", event_type="Watch", dataset_group="films"),
        event("2", event_type="Watch", dataset_group="pets"),
        event("3", event_type="rating", dataset_group="films"),
        event("4", event_type="DetailView", dataset_group="films"),
        event("5", event_type="TAKEN", dataset_group="films/actions"),
    ]
    unknown = types.among(events)
    assert [one.event_id for one in unknown] == ["1", "2", "3"]
    first, second = types.note([*unknown, *unknown])
    assert told == ["Watch", "rating"] * 2
    assert "'Watch'" in first
    assert "'rating'" in second


def test_a_warning_names_the_known_type_that_the_type_may_stand_for() -> None:
    own = EventTypes.with_added({"snuggle": "favorite"})
    types = UnknownTypes(own, lambda: {"films": frozenset({"watch"})}, lambda _: None)
    sent = [
        event("1", event_type="adoptoin"),
        event("2", event_type="snugle"),
        event("3", event_type="watsh", dataset_group="films"),
        event("4", event_type="xylophone"),
    ]
    warnings = types.note(types.among(sent))
    assert len(warnings) == len(sent)
    hints = ("did you mean adoption?", "did you mean snuggle?", "did you mean watch?", None)
    for warning, one, hint in zip(warnings, sent, hints, strict=True):
        assert repr(one.event_type) in warning
        assert "event_types" in warning
        assert ("did you mean" in warning) is (hint is not None)
        assert hint is None or hint in warning


def test_a_type_is_logged_once_so_that_who_reads_a_stream_learns_of_it() -> None:
    types = UnknownTypes(STANDARD, dict, lambda _: None)
    with capture_logs() as logged:
        for n in range(3):
            types.note(types.among([event(str(n), event_type="adoptoin")]))
    assert [one["log_level"] for one in logged] == ["warning"]
    assert "did you mean adoption?" in logged[0]["event"]


def test_a_call_warns_of_twenty_types_at_most() -> None:
    types = UnknownTypes(STANDARD, dict, lambda _: None)
    many = [event(str(n), event_type=f"kind {n}") for n in range(100)]
    assert len(types.note(types.among(many))) == 20
