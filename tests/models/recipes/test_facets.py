"""What is known of visitors beside events, and what recipes make of it."""

import numpy as np
import pytest
from msgspec.structs import replace

from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.data import Dayparts, Facets
from pawsonalize.models.recipes.user_personalization import (
    UserPersonalization,
    UserPersonalizationModel,
    UserPersonalizationSettings,
)
from pawsonalize.testing.recipe_checks import NOW, context, training_data
from tests.facet_data import DEVICE, ITEMS, arriving, share_of, visits, without_facets

HOUR = 3_600_000
MIXTURE = UserPersonalizationSettings(learn=False)
LEARNED = UserPersonalizationSettings(trees=30, candidates=40)


def fitted(
    settings: UserPersonalizationSettings = MIXTURE, **how: bool
) -> UserPersonalizationModel:
    return UserPersonalization().fit(visits(150, 1, **how), settings, 3)


@pytest.fixture(scope="module")
def model() -> UserPersonalizationModel:
    return fitted()


@pytest.fixture(scope="module")
def learned() -> UserPersonalizationModel:
    return fitted(LEARNED)


def likelihood(model: UserPersonalizationModel, known: int, *, told: bool) -> float:
    """Mean log of the score of held-out visitors' choices, `known` of their events being known."""
    data = visits(40, 2)
    logs = []
    for start in range(0, len(data), 6):
        row = start + known
        newest = data.item[start:row][::-1]
        visitor = context(*(ITEMS[item] for item in newest))
        visitor = replace(visitor, facets=data.facets.at(row) if told else ())
        logs.append(np.log(model.score_catalogue(visitor)[data.item[row]]))
    return float(np.mean(logs))


def test_somebody_new_gets_what_is_popular_for_their_context(
    model: UserPersonalizationModel,
) -> None:
    mobile, desktop, unknown = (
        share_of(model.score_catalogue(visitor).tolist(), "1")
        for visitor in (arriving((DEVICE, "mobile")), arriving((DEVICE, "desktop")), arriving())
    )
    assert mobile > 0.7
    assert 0.4 < unknown < 0.6
    assert desktop < 0.3


def test_a_facet_tells_of_groups_outside_the_catalogue_too(model: UserPersonalizationModel) -> None:
    asked = ["1-Breed1-9-9", "2-Breed1-9-9"]
    cat, dog = model.score(arriving((DEVICE, "mobile")), asked)
    assert cat > 2 * dog > 0


def test_a_facet_nobody_had_changes_nothing(model: UserPersonalizationModel) -> None:
    plain = model.score_catalogue(arriving())
    for facet in ((DEVICE, "watch"), ("context.WEATHER", "rain"), ("", "")):
        assert (model.score_catalogue(arriving(facet)) == plain).all()


@pytest.mark.parametrize(("known", "gain"), [(0, 0.05), (1, 0.0)])
def test_the_mixture_guesses_visitors_it_never_met_better_with_their_facets(
    model: UserPersonalizationModel, known: int, gain: float
) -> None:
    assert likelihood(model, known, told=True) > likelihood(model, known, told=False) + gain


def test_the_learned_ranker_does_too_and_knows_it(learned: UserPersonalizationModel) -> None:
    assert learned.learned is not None
    assert likelihood(learned, 1, told=True) > likelihood(learned, 1, told=False) + 0.1
    visitor = replace(context(ITEMS[-1]), facets=((DEVICE, "mobile"),))
    parts = learned.contributions(visitor, ITEMS)
    assert parts["context"][0] > parts["context"][-1]


def test_events_say_more_than_facets_in_the_end(model: UserPersonalizationModel) -> None:
    mobile = replace(context(*ITEMS[-8:]), facets=((DEVICE, "mobile"),))
    assert share_of(model.score_catalogue(mobile).tolist(), "2") > 0.6


def test_shuffled_choices_say_nothing_of_a_facet() -> None:
    shuffled = fitted(shuffled=True)
    shares = [
        share_of(shuffled.score_catalogue(arriving((DEVICE, device))).tolist(), "1")
        for device in ("mobile", "desktop")
    ]
    assert abs(shares[0] - shares[1]) < 0.1
    ranker = fitted(LEARNED, shuffled=True).learned
    # A random order of 40 items has about .11.
    assert ranker is None or max(ranker.ranker.held_out) < 0.17


def test_data_without_facets_give_the_model_there_was_without_them() -> None:
    data = without_facets(visits(60, 1))
    plain = UserPersonalization().fit(data, LEARNED, 3)
    assert not [name for name in plain.arrays() if name.startswith("facets.")]
    told = replace(context(ITEMS[3]), facets=((DEVICE, "mobile"),))
    assert (plain.score_catalogue(told) == plain.score_catalogue(context(ITEMS[3]))).all()


def test_a_stored_model_knows_its_facets(learned: UserPersonalizationModel) -> None:
    arrays = learned.arrays()
    again = UserPersonalization().load(learned.card, arrays)
    told = replace(context(ITEMS[3]), facets=((DEVICE, "mobile"),))
    for visitor in (told, arriving((DEVICE, "desktop"))):
        assert (again.score_catalogue(visitor) == learned.score_catalogue(visitor)).all()
    for name in arrays:
        if name.startswith("facets."):
            others = {key: value for key, value in arrays.items() if key != name}
            with pytest.raises(CorruptArtefact):
                UserPersonalization().load(learned.card, others)


def test_counts_of_two_parts_of_the_visitors_add_up() -> None:
    data = visits(60, 1)
    early = data.user < 30

    def counts(rows: np.ndarray) -> np.ndarray:
        part = replace(
            data, user=data.user[rows], item=data.item[rows], event_type=data.event_type[rows],
            value=data.value[rows], time=data.time[rows], facets=data.facets.of(rows),
        )  # fmt: skip
        # Without decay, whose zero is the newest event, so that only the counting is compared.
        still = replace(part, time=np.full_like(part.time, NOW))
        table = UserPersonalization().fit(still, MIXTURE, 3).mixture.facets.counts
        assert table is not None
        return np.asarray(table.toarray())

    whole = counts(np.ones(len(data), np.bool_))
    assert (counts(early) + counts(~early) == whole).all()


def test_one_busy_visitor_does_not_count_for_a_crowd() -> None:
    def mobile_cats(events: int) -> float:
        data = visits(1, 1, strength=1.0, events=events)
        table = UserPersonalization().fit(data, MIXTURE, 3).mixture.facets.counts
        assert table is not None
        return float(table.sum())

    assert mobile_cats(100) < 20


def test_the_time_of_day_is_a_facet_where_it_is_asked_for() -> None:
    bands = Dayparts(6.0, 2.0)
    midnight = NOW - NOW % (24 * HOUR)
    assert bands.at(midnight) == (("time.DAYPART", "0"),)
    assert bands.at(midnight + 5 * HOUR) == (("time.DAYPART", "1"),)
    assert bands.at(midnight + 23 * HOUR) == (("time.DAYPART", "0"),)
    assert Dayparts().at(NOW) == ()
    assert not Dayparts().of_events(Facets.unknown(), np.array([NOW], np.int64))


def test_visitors_of_the_evening_get_what_is_liked_in_the_evening() -> None:
    data = without_facets(visits(80, 1))
    cats = np.array([item[0] == "1" for item in ITEMS])[data.item]
    midnight = NOW - NOW % (24 * HOUR) - 24 * HOUR
    evening = replace(data, time=midnight + np.where(cats, 20, 8) * HOUR)
    settings = replace(MIXTURE, daypart_hours=6.0)
    model = UserPersonalization().fit(evening, settings, 3)
    shares = [
        share_of(model.score_catalogue(Context((), midnight + hour * HOUR)).tolist(), "1")
        for hour in (20, 8)
    ]
    assert shares[0] > 0.7
    assert shares[1] < 0.3


def test_what_a_facet_adds_is_a_reason_of_its_own(model: UserPersonalizationModel) -> None:
    for facet, reason in (((DEVICE, "mobile"), "context"), (SPECIES_1, "preferences")):
        parts = model.contributions(arriving(facet), ITEMS)
        assert parts[reason][0] > 0.4 * parts["popularity"][0] > 0 == parts[reason][-1]
        total = np.sum(list(parts.values()), axis=0)
        np.testing.assert_allclose(total, model.score(arriving(facet), ITEMS), rtol=1e-5)


SPECIES_1 = ("user.PREFERRED_SPECIES", "1")
SMALL, YOUNG = ("user.PREFERRED_SIZE", "1"), ("user.PREFERRED_AGE", "1")


def test_a_quiz_needs_no_data_at_all() -> None:
    untouched = UserPersonalization().fit(training_data([], ITEMS), LEARNED, 3)
    scores = untouched.score_catalogue(arriving(SPECIES_1, SMALL, YOUNG))
    best = {ITEMS[place] for place in np.argsort(-scores)[:5].tolist()}
    assert best == {f"1-Breed{breed}-1-1" for breed in range(5)}
    assert scores.min() > 0
    assert scores.sum() == pytest.approx(1, abs=1e-5)
    outside = untouched.score(arriving(SPECIES_1), ["1-Breed9-1-1", "2-Breed9-1-1"])
    assert outside[0] > 2 * outside[1] > 0


def test_several_answers_to_one_question_are_alternatives() -> None:
    untouched = UserPersonalization().fit(training_data([], [*ITEMS, "3-Lop-1-1"]), MIXTURE, 3)
    both = untouched.score_catalogue(arriving(SPECIES_1, ("user.PREFERRED_SPECIES", "2")))
    assert both[0] == pytest.approx(both[-2])
    assert both[0] > 5 * both[-1]


@pytest.mark.parametrize("fixture", ["model", "learned"])
def test_an_answer_counts_beside_the_first_events_and_fades(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    fitted_one: UserPersonalizationModel = request.getfixturevalue(fixture)

    def moved(events: int) -> float:
        plain = context(*ITEMS[-events:])
        told = replace(plain, facets=(SPECIES_1,))
        shares = [
            share_of(fitted_one.score_catalogue(each).tolist(), "1") for each in (told, plain)
        ]
        return shares[0] - shares[1]

    assert moved(1) > 0.03
    assert moved(1) > moved(12) > 0


def test_an_answer_that_nothing_matches_changes_nothing(model: UserPersonalizationModel) -> None:
    plain = model.score_catalogue(arriving())
    dragon = arriving(("user.PREFERRED_SPECIES", "9"))
    assert (model.score_catalogue(dragon) == plain).all()
