from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from benchmarks.demo_oracle import propensity

from pawsonalize.animals.animal import AnimalStatus, StatusChange
from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.core.event import Event
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.world import World, generate
from tests.plugins.demo.conftest import END

SMALL = WorldSettings(animals=60, adopters=100, days=30, events=2_000)


def test_same_seed_makes_the_same_world() -> None:
    one, two = generate(SMALL, 3, END), generate(SMALL, 3, END)

    assert one.animals == two.animals
    assert list(one.events) == list(two.events)


def test_another_seed_makes_another_world() -> None:
    assert list(generate(SMALL, 3, END).events) != list(generate(SMALL, 4, END).events)


def test_the_demo_world_has_the_size_that_was_asked_for(world: World) -> None:
    assert len(world.oracle.available(world.end - 1)) == 400
    assert len(world.adopter_ids) == 3_000
    assert len(world.shelters) == 8
    assert 54_000 < len(world.events) < 66_000


@pytest.mark.parametrize("events", [5_000, 20_000])
def test_event_volume_follows_the_settings(events: int) -> None:
    made = generate(WorldSettings(animals=100, adopters=events // 20, events=events), 1, END)

    assert len(made.events) == pytest.approx(events, rel=0.15)


def test_events_are_in_order_inside_the_world_and_named_once(
    world: World, events: Sequence[Event]
) -> None:
    sent = [event.sent_at for event in events]

    assert sent == sorted(sent)
    assert world.start <= sent[0] <= sent[-1] < world.end
    assert len({event.event_id for event in events}) == len(sent)
    assert all(event.received_at == event.sent_at for event in events)


def test_events_can_be_read_by_position_and_by_slice(world: World, events: Sequence[Event]) -> None:
    assert world.events[-1] == events[-1]
    assert world.events[10:12] == [world.events[10], world.events[11]]
    with pytest.raises(IndexError):
        _ = world.events[len(world.events)]


def test_events_carry_the_item_of_their_animal(world: World) -> None:
    groups = {animal.animal_id: animal.group_at(END) for animal in world.animals}

    assert len(world.events) > 2_000
    for event in world.events[:2_000]:
        assert event.animal_id is not None
        assert groups[event.animal_id].id == event.item_id


def test_only_available_animals_are_looked_at(world: World, events: Sequence[Event]) -> None:
    animals = {animal.animal_id: animal for animal in world.animals}
    for event in events:
        animal = animals[event.animal_id or ""]
        assert animal.listed_at <= event.sent_at
        if event.event_type == "adoption":
            assert animal.history[-1] == StatusChange(AnimalStatus.ADOPTED, event.sent_at)
        else:
            assert animal.is_available(event.sent_at)
    assert {"view", "adoption"} <= {event.event_type for event in events}


def test_no_adoption_is_known_before_it_happens(world: World) -> None:
    assert max(animal.status_at for animal in world.animals) < world.end
    assert sum(animal.status is AnimalStatus.AVAILABLE for animal in world.animals) == 400


def test_every_group_survives_the_way_through_its_item_id(world: World) -> None:
    assert [AnimalGroup.parse(group.id) for group in world.groups] == list(world.groups)


def test_events_come_at_the_hours_people_are_awake(world: World) -> None:
    hour = (world.events.columns.moment // 3_600_000 - 8) % 24
    by_hour = np.bincount(hour, minlength=24)

    assert by_hour[19:22].mean() > 5 * by_hour[1:5].mean()


def test_colours_and_sexes_go_together(world: World) -> None:
    coats = {"calico", "tortoiseshell"}
    female = [animal for animal in world.animals if not coats.isdisjoint(animal.colours)]
    assert len(female) > 10
    assert {animal.sex for animal in female} == {"female"}


def test_shelters_of_the_animals_are_known(world: World) -> None:
    known = {shelter.name for shelter in world.shelters}

    assert {animal.shelter for animal in world.animals} == known


def test_a_few_groups_are_common_and_many_are_rare(world: World) -> None:
    counts = Counter(animal.group_at(END) for animal in world.animals)

    assert 300 < len(counts) < 600
    assert sum(count == 1 for count in counts.values()) / len(counts) > 0.3


@pytest.mark.parametrize(
    "wrong", [{"animals": 0}, {"page_size": 26}, {"shelters": 13}, {"guest_share": 1.5}]
)
def test_impossible_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidInput):
        WorldSettings(**wrong)


def test_a_stranger_to_the_world_is_not_found(world: World) -> None:
    for name in ("nobody", "u999999", "u1"):
        with pytest.raises(NotFound):
            propensity(world, name, END - 1)


def test_sessions_that_outlast_the_world_end_with_it() -> None:
    """One day, many guests: those who would come back tomorrow do not."""
    short = WorldSettings(animals=50, adopters=50, days=1, events=20_000, guest_share=0.9)
    made = generate(short, 1, END)

    assert made.events[-1].sent_at < made.end


@pytest.mark.parametrize("guest_share", [0.0, 1.0])
def test_the_smallest_world_still_turns(guest_share: float) -> None:
    tiny = WorldSettings(
        animals=1, adopters=1, days=1, events=1, shelters=1, bots=0, guest_share=guest_share
    )
    for seed in range(5):
        made = generate(tiny, seed, END + seed)
        assert len(list(made.events)) == len(made.events)
        assert np.count_nonzero(propensity(made, made.adopter_ids[0], made.end - 1)) == 1


def test_of_some_animals_it_is_known_whether_they_are_house_trained_or_need_more(
    world: World,
) -> None:
    for told in ("house_trained", "special_needs"):
        answers = Counter(getattr(one, told) for one in world.animals)
        assert set(answers) == {None, True, False}
        assert answers[None] / len(world.animals) == pytest.approx(0.4, abs=0.05)
