"""Training makes a solution version, and a campaign serves it."""

import dataclasses

import pytest
from pawsonalize.engine.live_model import LiveModel
from pawsonalize.engine.training import Trainer, TrainingOrder, read_settings

from pawsonalize.domain.errors import Conflict, InvalidInput
from pawsonalize.recipes.catalogue import RECIPES
from pawsonalize.storage.artefacts import LocalArtefacts
from pawsonalize.storage.base import Campaign
from pawsonalize.storage.sql import SqlCampaigns, SqlCatalogue, SqlEventLog
from tests.event_data import T0, event

ORDER = TrainingOrder("popularity-count", T0 + 1000, {})


@pytest.fixture
def trainer(
    log: SqlEventLog, catalogue: SqlCatalogue, campaigns: SqlCampaigns, artefacts: LocalArtefacts
) -> Trainer:
    log.append([event(f"{n}", user=f"u{n % 3}", item=f"2-B-1-{n % 4}", at=n) for n in range(20)])
    return Trainer(log, catalogue, campaigns, artefacts)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_trains_and_its_version_can_be_served(
    trainer: Trainer, campaigns: SqlCampaigns, artefacts: LocalArtefacts, recipe: str
) -> None:
    trained = trainer.train(dataclasses.replace(ORDER, recipe=recipe), T0 + 2000)
    assert (trained.events, trained.users, trained.items) == (20, 3, 4)
    assert (trained.version.as_of, trained.version.log_offset) == (T0 + 1000, 20)
    assert campaigns.version(trained.version.solution_version) == trained.version
    trainer.activate("recommender", trained.version, T0 + 2000)
    live = LiveModel("recommender", campaigns, artefacts)
    assert live.refresh()
    assert live.current.model.card.recipe == recipe


def test_training_without_a_single_event_is_possible(
    catalogue: SqlCatalogue, campaigns: SqlCampaigns, artefacts: LocalArtefacts, log: SqlEventLog
) -> None:
    for recipe in RECIPES:
        order = dataclasses.replace(ORDER, recipe=recipe)
        assert Trainer(log, catalogue, campaigns, artefacts).train(order, T0).items == 0


def test_the_same_order_makes_the_same_model_under_another_name(
    trainer: Trainer, artefacts: LocalArtefacts
) -> None:
    one, two = (trainer.train(ORDER, T0 + n).version for n in (2000, 3000))
    assert one.solution_version != two.solution_version
    (card, arrays), (again, same) = artefacts.load(one.artefact), artefacts.load(two.artefact)
    assert card == again
    assert all(arrays[name].tobytes() == same[name].tobytes() for name in arrays)


def test_two_trainings_in_one_moment_do_not_overwrite_each_other(trainer: Trainer) -> None:
    trainer.train(ORDER, T0 + 2000)
    with pytest.raises(Conflict):
        trainer.train(ORDER, T0 + 2000)


def test_an_unknown_recipe_is_answered_with_those_there_are(trainer: Trainer) -> None:
    with pytest.raises(InvalidInput, match="popularity-count"):
        trainer.train(dataclasses.replace(ORDER, recipe="magic"), T0)


def test_a_campaign_follows_its_updates_and_refuses_the_slower_of_two(
    trainer: Trainer, campaigns: SqlCampaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (trainer.train(ORDER, T0 + n).version for n in (2000, 3000))
    assert trainer.activate("recommender", one, T0).revision == 1
    assert trainer.activate("recommender", two, T0).revision == 2
    seen = campaigns.campaign("recommender")
    assert seen == Campaign("recommender", two.solution_version, 2, T0)
    trainer.activate("recommender", one, T0)
    monkeypatch.setattr(campaigns, "campaign", lambda name: seen)
    with pytest.raises(Conflict, match="look again"):
        trainer.activate("recommender", two, T0)


@dataclasses.dataclass(frozen=True)
class Settings:
    days: float = 30.0
    rounds: int = 3
    exact: bool = False

    def __post_init__(self) -> None:
        if self.days <= 0:
            raise InvalidInput("days must be above 0", field="days")


def test_settings_are_read_from_text_as_the_command_line_has_it() -> None:
    assert read_settings(Settings, {}) == Settings()
    given = {"days": "7.5", "rounds": "4", "exact": "true"}
    assert read_settings(Settings, given) == Settings(7.5, 4, True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"day": 1}, "there are days, rounds, exact"),
        ({"rounds": "1.5"}, "rounds"),
        ({"days": "many"}, "days"),
        ({"days": None}, "days"),
        ({"exact": "perhaps"}, "exact"),
        ({"days": "-1"}, "days must be above 0"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_named(given: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_settings(Settings, given)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("value", ["nan", "inf", "-1", ""])
def test_no_recipe_takes_a_setting_that_is_no_number(recipe: str, value: str) -> None:
    kind = RECIPES[recipe].settings
    numbers = [field.name for field in dataclasses.fields(kind) if field.type in (float, "float")]
    for name in numbers:
        with pytest.raises(InvalidInput):
            read_settings(kind, {name: value})
