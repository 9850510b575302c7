"""What every recipe promises, as tests: subclass `RecipeChecks` and name the recipe.

Needs pytest and hypothesis.
"""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, fields, replace
from numpy.typing import NDArray

from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.models.recipes.catalogue import recipe_named, refreshed
from pawsonalize.models.recipes.contract import AnyRecipe, Context, ContextEvent, Model
from pawsonalize.models.recipes.data import ItemAttributes, TrainingData

NOW = 1_790_000_000_000


def undescribed(n_items: int) -> ItemAttributes:
    return ItemAttributes((), (), np.zeros((n_items, 0), np.int32))


def described(rows: Sequence[Sequence[str | None]], names: tuple[str, ...]) -> ItemAttributes:
    """Attributes from one row of values per item; None where an item has none."""
    values = [sorted({row[a] or "" for row in rows} - {""}) for a in range(len(names))]
    codes = [
        [-1 if value is None else values[a].index(value) for a, value in enumerate(row)]
        for row in rows
    ]
    return ItemAttributes(
        names,
        tuple(tuple(column) for column in values),
        np.array(codes, np.int32).reshape(len(rows), len(names)),
    )


def training_data(
    events: Iterable[tuple[str, str, int] | tuple[str, str, int, str]],
    catalogue: Sequence[str] = (),
    attributes: ItemAttributes | None = None,
    as_of: int = NOW,
) -> TrainingData:
    """Data of `(user, item, time)` or `(user, item, time, event type)`, in the log's order.

    The catalogue is what is given, then every other item in the order it is first met.
    """
    rows = [(*event, "view")[:4] for event in events]
    items = list(dict.fromkeys([*catalogue, *(row[1] for row in rows)]))
    users = list(dict.fromkeys(row[0] for row in rows))
    types = list(dict.fromkeys(row[3] for row in rows)) or ["view"]
    rows.sort(key=lambda row: (users.index(row[0]), row[2]))
    return TrainingData(
        user=np.array([users.index(row[0]) for row in rows], np.int32),
        item=np.array([items.index(row[1]) for row in rows], np.int32),
        event_type=np.array([types.index(row[3]) for row in rows], np.int16),
        value=np.full(len(rows), np.nan, np.float32),
        time=np.array([row[2] for row in rows], np.int64),
        n_users=len(users),
        item_ids=tuple(items),
        event_types=tuple(types),
        attributes=attributes or undescribed(len(items)),
        as_of=as_of,
    )


def context(*items: str, kind: str = "view", now: int = NOW, age: int = 60_000) -> Context:
    """A visitor who looked at the items, newest first, the newest `age` milliseconds ago."""
    events = (ContextEvent(item, kind, now - age - 60_000 * k) for k, item in enumerate(items))
    return Context(tuple(events), now)


DAY = 86_400_000
GROUPS = tuple(
    f"{species}-{breed}-{size}-{age}"
    for species, breeds in (("1", ("Siamese", "Manx")), ("2", ("Beagle", "Shih-Tzu", "Boxer")))
    for breed in breeds
    for size in "12"
    for age in "13"
)
CONTEXTS = (
    Context((), NOW),
    context(GROUPS[0]),
    context(GROUPS[3], GROUPS[0], GROUPS[3], GROUPS[7], kind="adoption"),
    context("2-Poodle-1-1", "no group", ""),
    context(*GROUPS * 5, age=400 * DAY),
)
# A test of this class runs once for every recipe's subclass.
inherited = settings(suppress_health_check=[HealthCheck.differing_executors])
item_ids = st.one_of(
    st.sampled_from(GROUPS),
    st.text(max_size=12),
    st.from_regex(r"[12]-[A-Z]?-?[a-z]{0,3}-[123]-[123]", fullmatch=True),
)
moments = st.integers(NOW - 3000 * DAY, NOW + 30 * DAY)
contexts = st.builds(
    Context,
    st.lists(
        st.builds(ContextEvent, item_ids, st.sampled_from(["view", "adoption", "?"]), moments),
        max_size=6,
    ).map(lambda seen: tuple(sorted(seen, key=lambda event: -event.time))),
    st.just(NOW),
)
tiny_data = st.builds(
    training_data,
    st.lists(
        st.tuples(st.sampled_from("uvw"), item_ids, moments, st.sampled_from(["view", "x"])),
        max_size=12,
    ),
    st.lists(item_ids, max_size=4),
    as_of=st.sampled_from([NOW, NOW - 2000 * DAY]),
)


def checkerboard(size: int = 20) -> TrainingData:
    """User u chose every item of its own parity but item u, so item u is the right answer."""
    events = [
        (f"u{user}", f"i{item}", NOW - DAY + item * 1000)
        for user in range(size)
        for item in range(user % 2, size, 2)
        if item != user
    ]
    return training_data(events, [f"i{item}" for item in range(size)])


def shop() -> TrainingData:
    """A small site: 20 groups, 12 users, repeats, several event types, some groups untouched."""
    events = [
        (f"u{user}", GROUPS[(user * 3 + step // 2) % 17], NOW - (9 - step) * DAY, kind)
        for user in range(12)
        for step, kind in enumerate(("view", "view", "favorite", "view", "inquiry"))
    ]
    return training_data(events, GROUPS)


WALKED = tuple(f"{1 + k % 2}-Breed{k % 10}-{k % 3}-{k % 4}" for k in range(60))


def walks(shuffled: bool = False) -> TrainingData:
    """120 visitors who mostly walk to the next item; shuffled, their steps mean nothing."""
    dice = np.random.default_rng(5)
    events = []
    for user in range(120):
        at = int(dice.integers(60))
        for step in range(10):
            events.append((f"u{user}", WALKED[at], NOW - 9_000_000 + step * 60_000 + user))
            at = (at + 1 if dice.random() < 0.7 else int(dice.integers(60))) % 60
    data = training_data(events, WALKED)
    return replace(data, item=dice.permutation(data.item)) if shuffled else data


WORLDS = {"shop": shop(), "walks": walks(), "checkerboard": checkerboard()}
"""`shop` teaches no ranker, `walks` does."""
VISITORS = {
    "shop": CONTEXTS,
    "walks": (
        Context((), NOW),
        context(*WALKED[21:18:-1]),
        context(*WALKED[5:1:-1], *WALKED[5:1:-1], kind="adoption"),
        context("2-Poodle-1-1", WALKED[7], "no group", ""),
    ),
}
ASKED = {"shop": ["?", *GROUPS, "2-Poodle-1-1"], "walks": ["?", *WALKED, "2-Breed1-9-9"]}
_QUICK = {"trees": 4, "candidates": 20, "max_requests": 310}
"""A ranker as small as can be, where one is learned."""


def quick(recipe: AnyRecipe) -> Any:
    names = {field.name for field in fields(recipe.settings)}
    return recipe.settings(**{name: value for name, value in _QUICK.items() if name in names})


@cache
def fitted(name: str, world: str) -> Model:
    """Models never change, so that all checks share one of each world."""
    recipe = recipe_named(name)
    return recipe.fit(WORLDS[world], quick(recipe), 7)


def assert_sound(scores: NDArray[Any], count: int) -> None:
    assert scores.shape == (count,)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()


def assert_whole(model: Model, visitor: Context, *, excludes_newest: bool = False) -> None:
    """Catalogue scores are weights that sum to 1, if there is anything to propose."""
    scores = model.score_catalogue(visitor)
    assert_sound(scores, len(model.item_ids))
    excluded = {event.item for event in visitor.events[:1]} if excludes_newest else set()
    assert all(
        score == 0 for item, score in zip(model.item_ids, scores, strict=True) if item in excluded
    )
    whole = 1.0 if set(model.item_ids) - excluded else 0.0
    assert float(scores.sum()) == pytest.approx(whole, abs=1e-5)


on_both_worlds = pytest.mark.parametrize("world", ["shop", "walks"])


class RecipeChecks:
    """Subclass with `recipe = YourRecipe()`; it must be installed.

    Set `personal = False` if it does not learn that users differ, `related = False` if what is
    outside the catalogue scores 0. `excludes_newest = True` is for a recipe that never proposes the
    newest event's item, `learns = True` for one that learns a ranker from `walks`. Checks of what a
    fit makes run on both worlds.
    """

    recipe: ClassVar[AnyRecipe]
    personal: ClassVar[bool] = True
    related: ClassVar[bool] = True
    excludes_newest: ClassVar[bool] = False
    learns: ClassVar[bool] = False

    def fit(self, data: TrainingData, seed: int = 7) -> Model:
        return self.recipe.fit(data, quick(self.recipe), seed)

    def fitted(self, world: str = "shop") -> Model:
        return fitted(self.recipe.name, world)

    def assert_whole(self, model: Model, visitor: Context) -> None:
        assert_whole(model, visitor, excludes_newest=self.excludes_newest)

    def test_a_ranker_is_learned_where_there_is_enough_to_learn_from(self) -> None:
        assert getattr(self.fitted("shop"), "learned", None) is None
        assert (getattr(self.fitted("walks"), "learned", None) is not None) is self.learns

    def test_the_catalogue_of_recipes_knows_it_by_its_name(self) -> None:
        assert type(recipe_named(self.recipe.name)) is type(self.recipe)

    @on_both_worlds
    def test_the_same_data_and_seed_give_the_same_model_bit_for_bit(self, world: str) -> None:
        one, other = self.fitted(world), self.fit(WORLDS[world])
        assert one.card == other.card
        assert list(one.arrays()) == list(other.arrays())
        for name, array in one.arrays().items():
            assert array.tobytes() == other.arrays()[name].tobytes(), name
        for visitor in VISITORS[world]:
            scores = [model.score_catalogue(visitor).tobytes() for model in (one, other)]
            assert scores[0] == scores[1]

    @on_both_worlds
    def test_a_stored_model_scores_the_same_from_read_only_memory_maps(
        self, world: str, tmp_path: Path
    ) -> None:
        model = self.fitted(world)
        for name, array in model.arrays().items():
            np.save(tmp_path / f"{name}.npy", array, allow_pickle=False)
        stored = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in model.arrays()}
        card = ModelCard(**json.loads(json.dumps(asdict(model.card))))
        again = self.recipe.load(card, stored)
        assert again.item_ids == model.item_ids
        assert again.card == model.card
        for visitor in VISITORS[world]:
            assert (again.score_catalogue(visitor) == model.score_catalogue(visitor)).all()
            assert (again.score(visitor, ASKED[world]) == model.score(visitor, ASKED[world])).all()

    def test_a_refreshed_model_has_the_counts_of_a_fit_and_the_one_before_stays(self) -> None:
        before, whole = self.fitted("checkerboard"), self.fitted()
        stored = {name: array.tobytes() for name, array in before.arrays().items()}
        fresh = refreshed(before, WORLDS["shop"])
        assert fresh.item_ids == whole.item_ids
        assert fresh.card.fingerprint == whole.card.fingerprint
        for visitor in CONTEXTS:
            assert (fresh.score_catalogue(visitor) == whole.score_catalogue(visitor)).all()
        assert {name: array.tobytes() for name, array in before.arrays().items()} == stored

    @on_both_worlds
    def test_arrays_are_plain_data(self, world: str) -> None:
        for array in self.fitted(world).arrays().values():
            assert type(array) is np.ndarray
            assert array.dtype.kind in "iuf"

    def test_the_card_says_what_the_model_was_made_of(self) -> None:
        card = self.fit(shop(), seed=11).card
        assert (card.recipe, card.seed) == (self.recipe.name, 11)
        assert self.recipe.settings(**card.settings) == quick(self.recipe)
        assert len(card.fingerprint) == 64
        assert card.fingerprint != self.fitted("checkerboard").card.fingerprint

    def test_a_wrong_recipe_format_or_setting_is_a_corrupt_artefact(self) -> None:
        model = self.fitted()
        card = model.card
        for wrong, message in (
            (replace(card, recipe="other"), "other"),
            (replace(card, format=999), "format 999"),
            (replace(card, settings={"no_such": 1}), "settings"),
            (replace(card, settings={next(iter(card.settings)): "much"}), "settings"),
        ):
            with pytest.raises(CorruptArtefact, match=message):
                self.recipe.load(wrong, model.arrays())

    def test_an_artefact_of_before_is_refused_with_the_next_move(self) -> None:
        card = self.fitted().card
        with pytest.raises(CorruptArtefact, match=r"has format -1, .*: train it again$"):
            self.recipe.load(replace(card, format=-1), {"of_old": np.zeros(1)})

    @on_both_worlds
    def test_a_missing_cut_or_retyped_array_is_a_corrupt_artefact(self, world: str) -> None:
        model = self.fitted(world)
        for name, array in model.arrays().items():
            others = {key: value for key, value in model.arrays().items() if key != name}
            wrongs = [others, {**others, name: array.astype(np.bool_)}]
            if array.size:
                wrongs += [{**others, name: array[..., :-2]}]
            if array.size and array.dtype.kind == "f":
                wrongs += [{**others, name: array * np.float32(np.nan)}]
            for wrong in wrongs:
                with pytest.raises(CorruptArtefact):
                    self.recipe.load(model.card, wrong)

    def test_an_unknown_visitor_gets_the_popular_first(self) -> None:
        events = [(f"u{user}", "hit", NOW - DAY) for user in range(5)]
        model = self.fit(training_data([*events, ("u0", "rare", NOW - DAY)], ["none"]))
        none, hit, rare = model.score_catalogue(Context((), NOW))
        assert hit > rare > none > 0

    @on_both_worlds
    def test_catalogue_items_score_as_in_the_catalogue(self, world: str) -> None:
        model = self.fitted(world)
        for visitor in VISITORS[world]:
            self.assert_whole(model, visitor)
            assert (
                model.score(visitor, ASKED[world])[1:-1] == model.score_catalogue(visitor)
            ).all()

    @on_both_worlds
    def test_contributions_add_up_to_the_score(self, world: str) -> None:
        model, asked = self.fitted(world), ASKED[world][1:]
        for visitor in VISITORS[world]:
            total = np.sum(list(model.contributions(visitor, asked).values()), axis=0)
            scores = model.score(visitor, asked)
            if self.learns and world == "walks" and visitor.events:
                # Of a ranker the utility is the log of the score up to a constant.
                total = np.exp(total - total[0]) * scores[0]
                np.testing.assert_allclose(total, scores, rtol=1e-3)
            else:
                np.testing.assert_allclose(total, scores, rtol=1e-5)

    @on_both_worlds
    def test_the_answer_is_the_callers_own(self, world: str) -> None:
        model = self.fitted(world)
        before = model.score_catalogue(VISITORS[world][1]).copy()
        model.score_catalogue(VISITORS[world][1])[:] = 9
        assert (model.score_catalogue(VISITORS[world][1]) == before).all()

    @on_both_worlds
    def test_an_item_asked_twice_scores_the_same_twice(self, world: str) -> None:
        known = ASKED[world][2]
        asked = [known, "2-Poodle-1-1", known, "2-Poodle-1-1", "?", "?"]
        for visitor in VISITORS[world]:
            scores = self.fitted(world).score(visitor, asked)
            assert (scores[[0, 1, 4]] == scores[[2, 3, 5]]).all()

    def test_a_group_outside_the_catalogue_is_scored_by_related_items(self) -> None:
        model = self.fitted()
        beagle, poodle, nothing, empty = model.score(
            Context((), NOW), ["2-Beagle-4-4", "2-Poodle-4-4", "9-Dragon-1-1", ""]
        )
        assert (beagle > 0) == (poodle > 0) == self.related
        assert nothing == empty == 0
        assert model.score(Context((), NOW), []).shape == (0,)

    @inherited
    @given(visitor=contexts, asked=st.lists(item_ids, max_size=8))
    def test_any_text_in_context_or_list_gets_sound_scores(
        self, visitor: Context, asked: list[str]
    ) -> None:
        model = self.fitted()
        self.assert_whole(model, visitor)
        assert_sound(model.score(visitor, asked), len(asked))

    @inherited
    @given(data=tiny_data, visitor=contexts)
    def test_any_tiny_data_set_trains(self, data: TrainingData, visitor: Context) -> None:
        model = self.fit(data)
        assert model.item_ids == data.item_ids
        self.assert_whole(model, visitor)
        asked = [*data.item_ids, "2-Poodle-1-1", "\ud800", "\x1f"]
        assert_sound(model.score(visitor, asked), len(asked))

    @pytest.mark.parametrize(
        "data",
        [
            training_data([]),
            training_data([], ["only"]),
            training_data([], GROUPS),
            training_data([("u", "only", NOW)]),
            training_data([("u", GROUPS[0], NOW)], GROUPS),
            training_data([("u", "only", NOW)] * 9),
        ],
        ids=["nothing", "one item", "no event", "one event", "one of many", "one item again"],
    )
    def test_next_to_no_data_is_enough(self, data: TrainingData) -> None:
        model = self.fit(data)
        for visitor in (*CONTEXTS, context("only")):
            self.assert_whole(model, visitor)
        again = self.recipe.load(model.card, model.arrays())
        assert (again.score_catalogue(CONTEXTS[1]) == model.score_catalogue(CONTEXTS[1])).all()

    def test_an_event_from_the_future_counts_as_one_of_now(self) -> None:
        model = self.fitted()
        ahead = model.score_catalogue(context(GROUPS[2], age=-DAY))
        assert (ahead == model.score_catalogue(context(GROUPS[2], age=0))).all()
        late = training_data([("u", GROUPS[0], NOW + DAY), ("v", GROUPS[1], NOW)], GROUPS)
        self.assert_whole(self.fit(late), CONTEXTS[1])

    def test_data_that_grew_old_keep_their_proportions(self) -> None:
        data = shop()
        old = replace(data, as_of=data.as_of + 5000 * DAY)
        fresh, aged = (self.fit(each).score_catalogue(CONTEXTS[1]) for each in (data, old))
        np.testing.assert_allclose(fresh, aged, rtol=1e-5)

    def test_the_checkerboard_has_a_known_answer(self) -> None:
        data, model = WORLDS["checkerboard"], self.fitted("checkerboard")
        for user in range(20):
            own = np.flatnonzero(data.user == user)[::-1]
            visitor = context(*(data.item_ids[item] for item in data.item[own]))
            scores = model.score_catalogue(visitor)
            self.assert_whole(model, visitor)
            if self.personal:
                others = scores[1 - user % 2 :: 2]
                assert scores[user] > others.max(), f"user {user}"
