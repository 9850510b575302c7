import numpy as np
import pytest

from pawsonalize.models.recipes.catalogue import RECIPES
from pawsonalize.models.recipes.contract import Context, ContextEvent
from pawsonalize.models.recipes.next_best_action import (
    NextBestAction,
    NextBestActionModel,
    NextBestActionSettings,
)
from pawsonalize.testing.recipe_checks import DAY, NOW, RecipeChecks, training_data

Event = tuple[str, str, int, str]


class TestNextBestAction(RecipeChecks):
    recipe = RECIPES["next-best-action"]
    personal = False

    def test_a_group_outside_the_catalogue_is_scored_by_related_items(self) -> None:
        """An action has no related items: of an unknown one nothing is known."""
        model = fitted(("u", "a", NOW, "TAKEN"))
        assert model.score(Context((), NOW), ["b"]).tolist() == [0.0]


def fitted(*events: Event) -> NextBestActionModel:
    return NextBestAction().fit(training_data(events), NextBestActionSettings(), 0)


def probabilities(model: NextBestActionModel, *events: tuple[str, str]) -> dict[str, float]:
    seen = tuple(ContextEvent(item, kind, NOW) for item, kind in events)
    found = model.probabilities(Context(seen, NOW))
    return dict(zip(model.item_ids, found.tolist(), strict=True))


def test_an_action_that_is_taken_more_often_comes_first() -> None:
    model = fitted(
        *((f"u{n}", "newsletter", NOW, "TAKEN" if n % 2 else "NOT_TAKEN") for n in range(40)),
        *((f"u{n}", "call", NOW, "TAKEN" if n % 10 == 0 else "NOT_TAKEN") for n in range(40)),
    )
    found = probabilities(model)
    assert found["newsletter"] > 2 * found["call"]


def test_a_view_counts_in_vain_unless_the_action_is_taken_later() -> None:
    ignored = fitted(("u", "a", NOW - 1, "VIEWED"), ("v", "a", NOW, "TAKEN"))
    followed = fitted(("u", "a", NOW - 1, "VIEWED"), ("u", "a", NOW, "TAKEN"))
    assert probabilities(followed)["a"] > probabilities(ignored)["a"]


def test_what_a_user_did_with_one_action_says_something_of_another() -> None:
    model = fitted(
        *(
            event
            for n in range(60)
            for kind in (("TAKEN", "NOT_TAKEN")[n % 2],)
            for event in ((f"u{n}", "visit", NOW - DAY, kind), (f"u{n}", "adopt", NOW, kind))
        )
    )
    nobody = probabilities(model)["adopt"]
    assert probabilities(model, ("visit", "TAKEN"))["adopt"] > nobody + 0.1
    assert probabilities(model, ("visit", "NOT_TAKEN"))["adopt"] < nobody - 0.1


def test_what_was_lately_counts_more() -> None:
    model = fitted(
        *((f"u{n}", "once", NOW - 900 * DAY, "TAKEN") for n in range(10)),
        *((f"u{n}", "once", NOW, "NOT_TAKEN") for n in range(10)),
        *((f"v{n}", "now", NOW - 900 * DAY, "NOT_TAKEN") for n in range(10)),
        *((f"v{n}", "now", NOW, "TAKEN") for n in range(10)),
    )
    found = probabilities(model)
    assert found["now"] > found["once"]


@pytest.mark.parametrize("seed", [1, 2])
def test_probabilities_of_unseen_users_are_calibrated(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def adopters(count: int, named: str) -> list[Event]:
        """Keen users take most of what they are shown, the others little."""
        events = []
        for user in range(count):
            chance = 0.7 if rng.random() < 0.3 else 0.15
            for place, action in enumerate(("visit", "call", "adopt")):
                kind = "TAKEN" if rng.random() < chance else "NOT_TAKEN"
                events.append((f"{named}{user}", action, NOW + place, kind))
        return events

    model = fitted(*adopters(3_000, "u"))
    predicted, happened = [], []
    unseen = adopters(3_000, "v")
    for first, second, third in zip(unseen[::3], unseen[1::3], unseen[2::3], strict=True):
        found = probabilities(model, (second[1], second[3]), (first[1], first[3]))
        predicted.append(found["adopt"])
        happened.append(third[3] == "TAKEN")
    guesses, truths = np.array(predicted), np.array(happened, np.float64)
    for guess in np.unique(guesses):
        alike = guesses == guess
        if alike.sum() > 200:
            assert truths[alike].mean() == pytest.approx(guess, abs=0.15)
    plain = ((truths - truths.mean()) ** 2).mean()
    assert ((truths - guesses) ** 2).mean() < 0.95 * plain
