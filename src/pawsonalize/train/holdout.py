"""The hold-out: the training part, the test cases, the right answers, and the baselines."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from itertools import compress

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.models import recipes
from pawsonalize.models.evaluation import splits
from pawsonalize.models.evaluation.metrics import (
    Calibration,
    Judgement,
    Ranker,
    calibration,
    judge,
    segment_metrics,
)
from pawsonalize.models.recipes.baselines import EASE, MOST_ITEMS, ItemKNN, Transitions
from pawsonalize.models.recipes.contract import Context, Model, Scorer
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.recommend.query import MAX_CONTEXT_EVENTS, build_context


def part_of(
    data: TrainingData, rows: NDArray[np.bool_], items: NDArray[np.bool_], as_of: int
) -> TrainingData:
    """The events (mask `rows`) of the items (mask `items`), all numbered anew in their order."""
    kept = rows & items[data.item]
    users, user = np.unique(data.user[kept], return_inverse=True)
    return replace(
        data.of_events(kept),
        user=user.astype(np.int32),
        item=positions(items)[data.item[kept]].astype(np.int32),
        n_users=len(users),
        visitors=data.visitors[users] if len(data.visitors) else data.visitors,
        item_ids=tuple(compress(data.item_ids, items.tolist())),
        attributes=replace(data.attributes, codes=data.attributes.codes[items]),
        as_of=as_of,
        stays=data.stays.as_of(as_of, positions(items)),
        returned=data.returned.as_of(as_of, positions(items)),
        disliked=data.disliked.as_of(as_of, positions(items)),
    )


def reorder(data: TrainingData, source: NDArray[np.int64]) -> TrainingData:
    """Row r with the item, type and value of row `source[r]`; users and times stay."""
    return replace(
        data, item=data.item[source], event_type=data.event_type[source], value=data.value[source]
    )


def positions(items: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The position of each item among those that the mask keeps; -1 for the others."""
    return np.where(items, np.cumsum(items) - 1, -1)


# More test users are sampled: the intervals are narrow by then, and it takes seconds.
MAX_QUESTIONS = 2_000
_TIME_SHARE = 0.9  # as in the other split, which holds out the newest tenth of test users' events


ALL_EVENTS = 2**31
"""Events of a context that has the whole history of a visitor."""


class SplitName(StrEnum):
    """The two splits every report has."""

    PERSONALIZE = "personalize"
    TIME = "time"


class Holdout(msgspec.Struct, frozen=True):
    """Test cases for any model; the candidates are `training.item_ids`.

    - `there` is their mask over the items of `data`, whose events are split.
    - `targets[q]` are the distinct items that the user of test case q chose, in that order, as
      positions among the candidates; -1 for an item that is no candidate. `target_items[q]` has
      them as codes of `data`.
    - `known[q]` is the number of known events of the user.
    """

    name: str
    data: TrainingData
    split: splits.Split
    there: NDArray[np.bool_]
    training: TrainingData
    contexts: tuple[Context, ...]
    targets: tuple[NDArray[np.int64], ...]
    target_items: tuple[NDArray[np.int64], ...]
    known: NDArray[np.int64]

    def judge(self, model: Scorer) -> Judgement:
        """Give the model all test cases."""
        return judge(self.ranker(model), self.targets)

    def ranker(self, model: Scorer) -> Ranker:
        """The model's scores of the candidates; a candidate that it does not know gets -inf."""
        place = {item: position for position, item in enumerate(model.item_ids)}
        outside = len(place)
        columns = np.array([place.get(item, outside) for item in self.training.item_ids], np.int64)

        def scores(question: int) -> NDArray[np.floating]:
            context, availability = self.contexts[question], self.availability(question)
            if availability is not None:
                # In the model's own order of items, which may lack candidates.
                of_model = np.zeros(outside + 1, np.int64)
                of_model[columns] = availability
                context = replace(context, availability=of_model[:-1])
            # A candidate that the model does not know reads the -inf at the end.
            known = np.append(model.score_catalogue(context), -np.inf)[columns]
            return only_available(known, availability)

        return scores

    def availability(self, question: int) -> NDArray[np.int64] | None:
        """Available animals of each candidate at the moment of the test case; None if not known."""
        stock = self.data.stays
        if not len(stock):
            return None
        return stock.at(self.contexts[question].now, len(self.data.item_ids))[self.there]


def calibration_of(holdout: Holdout, judgement: Judgement) -> Calibration:
    """Of the 25 best of every test case: is it the very next choice as often as its score says?"""
    happened = [
        best == wanted[0] for best, wanted in zip(judgement.best, holdout.targets, strict=True)
    ]
    return calibration(np.concatenate(judgement.best_scores), np.concatenate(happened))


def item_births(data: TrainingData, catalogue: Catalogue) -> NDArray[np.int64]:
    """The moment by which each item existed: the earlier of its creation and its first event."""
    created = {item.item_id: item.created_at for item in catalogue.items()}
    never = np.iinfo(np.int64).max
    creations = [created.get(item) for item in data.item_ids]
    moments = np.array([never if moment is None else moment for moment in creations], np.int64)
    return splits.births(data.item, data.time, moments)


def hold_out(
    name: SplitName,
    data: TrainingData,
    born: NDArray[np.int64],
    seed: int,
    most: int = MAX_QUESTIONS,
    most_events: int = MAX_CONTEXT_EVENTS,
) -> Holdout:
    """Split the data (at least one event) and make at most so many test cases."""
    if name is SplitName.PERSONALIZE:
        moment = data.as_of
        split = splits.personalize_split(data.user, seed)
        there = born <= moment
    else:
        moment = splits.moment_after(data.time, _TIME_SHARE)
        split = splits.global_time_split(data.user, data.time, moment, seed)
        # What was first seen at that moment was first seen in a held-out event.
        there = born < moment
    return set_questions(name, data, split.sample(most, seed), there, moment, most_events)


def set_questions(
    name: str,
    data: TrainingData,
    split: splits.Split,
    there: NDArray[np.bool_],
    as_of: int,
    most_events: int = MAX_CONTEXT_EVENTS,
) -> Holdout:
    """The test cases of a split; the candidates are `there`, a mask over items.

    A context has the newest `most_events` events, as an answer of the service reads them.
    """
    candidate = positions(there)
    wanted = [
        np.array(list(dict.fromkeys(data.item[cut:end].tolist())), np.int64)
        for cut, end in zip(split.cut, split.end, strict=True)
    ]
    return Holdout(
        name=name,
        data=data,
        split=split,
        there=there,
        training=part_of(data, split.training, there, as_of),
        contexts=tuple(
            context_before(data, start, cut, most_events)
            for start, cut in zip(split.start, split.cut, strict=True)
        ),
        targets=tuple(candidate[items] for items in wanted),
        target_items=tuple(wanted),
        known=split.cut - split.start,
    )


def context_before(
    data: TrainingData, start: int, cut: int, most: int = MAX_CONTEXT_EVENTS
) -> Context:
    """Return the context of a user at the event in row `cut`, which has the event's own facets."""
    # Backwards, a slice that includes row 0 ends at None.
    newest = slice(cut - 1, start - 1 if start > 0 else None, -1) if cut > start else slice(0)
    columns = (data.item, data.event_type, data.time, data.value)
    rows = zip(*(column[newest].tolist() for column in columns), strict=True)
    events = (
        # NaN means "no value" in a column; it alone differs from itself.
        (data.item_ids[item], data.event_types[kind], time, value if value == value else None)  # noqa: PLR0124
        for item, kind, time, value in rows
    )
    context = build_context(events, int(data.time[cut]), data.facets.at(cut), most=most)
    number = int(data.visitors[data.user[cut]]) if len(data.visitors) else None
    return replace(context, digest=number)


def only_available(
    scores: NDArray[np.floating], availability: NDArray[np.int64] | None
) -> NDArray[np.floating]:
    """The candidates' scores, -inf for groups without available animals."""
    return scores if availability is None else np.where(availability > 0, scores, -np.inf)


_SEGMENTS = 500  # items that are asked for their users; of more, so many are drawn


def judge_segments(
    holdout: Holdout, model: Model, seed: int
) -> tuple[Judgement, Mapping[str, float]]:
    """Give the model all test cases; return the metrics of segments of their users as well."""
    items = np.setdiff1d(np.concatenate(holdout.targets), [-1])
    if len(items) > _SEGMENTS:
        items = np.random.default_rng(seed).choice(items, _SEGMENTS, replace=False)
    ranker, rows = holdout.ranker(model), []

    def scores_of(user: int) -> NDArray[np.floating]:
        scores = ranker(user)
        rows.append(scores[items])  # of large catalogues not all scores fit into memory
        return scores

    judgement = judge(scores_of, holdout.targets)
    chose = [np.isin(items, targets) for targets in holdout.targets]
    return judgement, segment_metrics(np.stack(rows, axis=1), np.stack(chose, axis=1))


_SLICES = 30  # of one attribute; with more values each is small


def slices_of(holdout: Holdout) -> list[splits.Slice]:
    """Every slice with enough targets; masks over all targets, question by question."""
    targets = np.concatenate(holdout.targets)
    counts = [len(wanted) for wanted in holdout.targets]
    # The last count, of no candidate, is what -1 reads.
    touched = np.bincount(holdout.training.item, minlength=len(holdout.training.item_ids) + 1)
    known_events = np.digitize(np.repeat(holdout.known, counts), (1, 5))
    is_new = (touched[targets] == 0).astype(np.int64)
    slices = splits.by_value("history", ("0", "1 to 4", "5 and more"), known_events)
    slices += splits.by_value("item", ("known", "new"), is_new)
    attributes = holdout.data.attributes
    # Breeds, sizes and ages would be many small slices; of a catalogue of others all have a say.
    names = ("species",) if "species" in attributes.names else dict.fromkeys(attributes.names)
    for column in map(attributes.names.index, names):
        if len(values := attributes.values[column]) <= _SLICES:
            codes = attributes.codes[np.concatenate(holdout.target_items), column]
            slices += splits.by_value(attributes.names[column], values, codes)
    return slices


RANDOM, POPULARITY, UNSEEN = "random", "popularity", "popularity of unseen items"
OWN_HISTORY, ATTRIBUTES = "repeat own history", "attributes only"
SIMPLE = (POPULARITY, UNSEEN, OWN_HISTORY)
"""Baselines that a version has to beat, as far as `baselines` makes them."""
STRONG = (ItemKNN(), Transitions(), EASE())
"""Baselines that sometimes win; they decide nothing."""


def may_repeat(holdout: Holdout, model: Model) -> bool:
    """True if the model may recommend what visitors have seen, and visitors do return to that."""
    events = holdout.training
    share = splits.repeat_share(events.user, events.item, len(events.item_ids))
    wanted = model.card.settings.get("repeats", True) and not model.card.settings.get("unseen")
    return bool(wanted) and share >= splits.RARE


def baselines(
    holdout: Holdout, seed: int, *, repeats: bool, strong: bool = True
) -> Mapping[str, Ranker]:
    """Every baseline, made from the training part alone, by its name; `STRONG` if asked for.

    Without `repeats` none recommends what the visitor has seen, so popularity and own history are
    the same as popularity of unseen items, and are left out.
    """
    training = holdout.training
    n_items = len(training.item_ids)
    shares = splits.popularity_shares(training.user, training.item, n_items)
    popular = splits.by_popularity(shares)
    chance = splits.by_chance(n_items, seed)
    attributes = splits.by_attributes(training.attributes.codes)
    unseen = splits.without_seen
    made = {RANDOM: unseen(chance), UNSEEN: unseen(popular), ATTRIBUTES: unseen(attributes)}
    if repeats:
        made = {
            RANDOM: chance,
            POPULARITY: popular,
            UNSEEN: unseen(popular),
            OWN_HISTORY: splits.by_own_history(shares),
            ATTRIBUTES: attributes,
        }
    for recipe in STRONG if strong else ():
        if recipe.name != EASE.name or n_items <= MOST_ITEMS:
            model = recipe.fit(training, recipe.settings(unseen=not repeats), seed)
            made[recipe.name] = model.order
    # All that is known of each visitor, newest first, as positions among the candidates: also what
    # is too old for the context of a model.
    item = positions(holdout.there)[holdout.data.item]
    spans = zip(holdout.split.start.tolist(), holdout.split.cut.tolist(), strict=True)
    known = [item[start:cut][::-1] for start, cut in spans]
    histories = [items[items >= 0] for items in known]

    def ask(baseline: splits.Baseline, question: int) -> NDArray[np.floating]:
        scores = baseline(histories[question], question)
        return only_available(scores, holdout.availability(question))

    return {name: partial(ask, baseline) for name, baseline in made.items()}


LIST_SIZE = 50
Lists = tuple[NDArray[np.int64], ...]
"""For each test case the listed candidates, as positions among all, rising."""


def draw_lists(holdout: Holdout, seed: int, size: int = LIST_SIZE) -> Lists:
    """A list for each test case: its targets, and others up to `size`, if there are so many."""
    items, lists = np.arange(len(holdout.training.item_ids)), []
    for question, targets in enumerate(holdout.targets):
        wanted = targets[targets >= 0]
        others = np.setdiff1d(items, wanted)
        many = min(max(size - len(wanted), 0), len(others))
        # A seed for each test case, so that its list does not depend on the others.
        drawn = np.random.default_rng((seed, question)).choice(others, many, replace=False)
        lists.append(np.sort(np.concatenate([wanted, drawn])))
    return tuple(lists)


def ranked_lists(holdout: Holdout, model: Model, lists: Lists) -> Ranker:
    """The model's scores of the listed items, as in a re-ranking; -inf for all others."""
    ids = holdout.training.item_ids

    def scores(question: int) -> NDArray[np.floating]:
        listed, ranked = lists[question], np.full(len(ids), -np.inf)
        names = [ids[item] for item in listed.tolist()]
        ranked[listed] = model.score(holdout.contexts[question], names)
        return ranked

    return scores


def within_lists(ranker: Ranker, lists: Lists) -> Ranker:
    """The ranker's scores of the listed items; -inf for all others."""

    def scores(question: int) -> NDArray[np.floating]:
        listed, given = lists[question], ranker(question)
        ranked = np.full(len(given), -np.inf)
        ranked[listed] = given[listed]
        return ranked

    return scores


_SAME_FOR_EVERYBODY = frozenset({recipes.POPULARITY_COUNT, recipes.TRENDING_NOW})


class GateQueries(msgspec.Struct, frozen=True):
    """Makes rankers of models and of baselines, which all get the same test cases.

    `chooses`: the spread of its choices tells something. `personal`: it should beat `SIMPLE`.
    """

    of_model: Callable[[Model], Ranker]
    of_baseline: Callable[[Ranker], Ranker]
    chooses: bool
    personal: bool


def gate_queries(holdout: Holdout, recipe: str, seed: int) -> GateQueries:
    """Return the recipe's queries of the hold-out's test cases; the seed draws lists."""
    if recipe == recipes.PERSONALIZED_RANKING:
        lists = draw_lists(holdout, seed)
        return GateQueries(
            of_model=lambda model: ranked_lists(holdout, model, lists),
            of_baseline=lambda ranker: within_lists(ranker, lists),
            chooses=False,
            personal=True,
        )
    personal = recipe not in _SAME_FOR_EVERYBODY
    return GateQueries(holdout.ranker, lambda ranker: ranker, chooses=personal, personal=personal)
