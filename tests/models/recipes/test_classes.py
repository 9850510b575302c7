"""Classes of visitors are found in what they look at, and say more than one look does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.models.recipes.classes import LatentClasses, fit_classes
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.data import Facet, Facets, TrainingData
from pawsonalize.testing.recipe_checks import NOW, context, training_data

# Who likes terriers likes them small and grown; who likes retrievers, large and young.
TERRIERS = ("2-Cairn_Terrier-1-3", "2-Yorkshire_Terrier-1-3", "2-Border_Terrier-1-4")
RETRIEVERS = ("2-Golden_Retriever-3-1", "2-Labrador_Retriever-3-1", "2-Labrador_Retriever-3-2")
CATS = ("1-Siamese-1-1", "1-Siamese-1-3")
SMALL, LARGE = ("size", ("2", "1")), ("size", ("2", "3"))
BABY, ADULT = ("age", ("2", "1")), ("age", ("2", "3"))


def looked(users: int = 240) -> TrainingData:
    """A third each of friends of terriers, of retrievers and of cats, six looks each."""
    tastes, rng = (TERRIERS, RETRIEVERS, CATS), np.random.default_rng(0)
    return training_data(
        (f"u{user:03d}", str(rng.choice(tastes[user % 3])), NOW - 1000 * look)
        for user in range(users)
        for look in range(6)
    )


@pytest.fixture(scope="module")
def classes() -> LatentClasses:
    found = fit_classes(looked(), 3, seed=1)
    assert found is not None
    return found


def share(classes: LatentClasses, value: tuple[str, tuple[str, str]], asked: Context) -> float:
    return float(classes.expected(asked)[classes.values[value]])


def test_one_look_says_what_its_class_looks_at_besides(classes: LatentClasses) -> None:
    terrier, retriever = context(TERRIERS[0]), context(RETRIEVERS[0])
    assert share(classes, SMALL, terrier) > 0.9
    assert share(classes, SMALL, retriever) < 0.1
    assert share(classes, ADULT, terrier) > 0.5
    assert share(classes, BABY, terrier) < 0.1
    assert share(classes, ("species", ("", "1")), context(CATS[0])) > 0.9


def test_of_whom_nothing_is_known_the_usual_is_expected(classes: LatentClasses) -> None:
    assert classes.expected(context()) == pytest.approx(classes.usual)
    assert classes.expected(context("a mug")) == pytest.approx(classes.usual)
    dogs = float(classes.usual[classes.values["species", ("", "2")]])
    assert dogs == pytest.approx(2 / 3, abs=0.05)


def test_what_is_expected_within_a_species_sums_to_one(classes: LatentClasses) -> None:
    expected = classes.expected(context(TERRIERS[0], CATS[0]))
    wholes = {(name, whole) for name, (whole, _) in classes.values}
    assert len(wholes) > 1
    for name, whole in wholes:
        codes = [
            code for (look, (of, _)), code in classes.values.items() if (look, of) == (name, whole)
        ]
        assert expected[codes].sum() == pytest.approx(1)


def test_answers_count_where_users_gave_them() -> None:
    data = looked()
    kids = data.user % 3 == 1  # who likes retrievers has some
    answered = Facets.unknown().plus("user.KIDS", ("no", "yes"), kids.astype(np.int64))
    answered = answered.plus("user.PREFERRED_SIZE", ("1",), np.zeros(len(data), np.int64))
    answered = answered.plus("context.DEVICE", ("phone",), np.zeros(len(data), np.int64))
    classes = fit_classes(replace(data, facets=answered), 3, seed=1)
    assert classes is not None
    assert set(classes.facets) == {("user.KIDS", "no"), ("user.KIDS", "yes")}

    def babies(facets: tuple[Facet, ...]) -> float:
        return share(classes, BABY, replace(context(), facets=facets))

    assert babies((("user.KIDS", "yes"),)) > babies(()) > babies((("user.KIDS", "no"),))
    assert babies((("user.KIDS", "maybe"), ("user.CATS", "yes"))) == pytest.approx(babies(()))


def test_the_newest_answer_of_a_user_is_the_one_that_counts() -> None:
    data = looked(120)
    newest = np.append(np.diff(data.user) > 0, True)
    answers = Facets.unknown().plus("user.KIDS", ("no", "yes"), newest.astype(np.int64))
    classes = fit_classes(replace(data, facets=answers), 2, seed=1)
    assert classes is not None
    yes, no = (np.exp(classes.answers[:, classes.facets["user.KIDS", x]]) for x in ("yes", "no"))
    assert (yes > 0.8).all()
    assert (no < 0.2).all()


@pytest.mark.parametrize(
    ("data", "classes"),
    [
        (looked(99), 3),
        (looked(), 0),
        (looked(), 1),
        (training_data((f"u{n}", "a mug", NOW) for n in range(200)), 3),
        (training_data(()), 3),
    ],
    ids=["few users", "none wanted", "one is none", "no animals", "no events"],
)
def test_where_there_is_nothing_to_tell_apart_there_are_no_classes(
    data: TrainingData, classes: int
) -> None:
    assert fit_classes(data, classes, seed=1) is None


def test_the_same_data_and_seed_give_the_same_classes_and_arrays_bring_them_back(
    classes: LatentClasses,
) -> None:
    again = fit_classes(looked(), 3, seed=1)
    assert again is not None
    loaded = LatentClasses.load(again.arrays(), "")
    assert loaded is not None
    assert loaded.values == classes.values
    asked = context(TERRIERS[1])
    assert loaded.expected(asked).tobytes() == classes.expected(asked).tobytes()
    assert LatentClasses.load({}, "") is None


@given(st.sampled_from(["size", "traits", "answers", "values.offsets"]), st.booleans())
def test_arrays_that_do_not_fit_are_corrupt(classes: LatentClasses, name: str, gone: bool) -> None:
    arrays = classes.arrays()
    if gone:
        del arrays[name]
    else:
        arrays[name] = np.full(7, 0.5)
    with pytest.raises(CorruptArtefact):
        LatentClasses.load(arrays, "")


def test_a_great_many_users_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pawsonalize.models.recipes.classes._MOST_USERS", 150)
    sampled, whole = fit_classes(looked(900), 3, seed=1), fit_classes(looked(150), 3, seed=1)
    assert sampled is not None
    assert whole is not None
    terrier = context(TERRIERS[0])
    assert share(sampled, SMALL, terrier) == pytest.approx(share(whole, SMALL, terrier), abs=0.05)
