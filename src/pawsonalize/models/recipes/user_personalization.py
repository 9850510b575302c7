"""`user-personalization` and `personalized-ranking`: what this visitor will choose next."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.models.recipes import PERSONALIZED_RANKING, USER_PERSONALIZATION
from pawsonalize.models.recipes.artefact import Kept, ModelCard, make_card, read_card
from pawsonalize.models.recipes.classes import LatentClasses, fit_classes
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.counts.counting import Countable, EventCounts, counts_of
from pawsonalize.models.recipes.data import Arrays, Ints, Singles
from pawsonalize.models.recipes.items import IndexedModel, ItemIndex
from pawsonalize.models.recipes.learned.design import Design
from pawsonalize.models.recipes.learned.engine import Candidates, Learned
from pawsonalize.models.recipes.mixture import TABLES, Mixture, MixtureCounts, MixtureSettings
from pawsonalize.models.recipes.settings import Count

_FORMAT = 5


class UserPersonalizationSettings(MixtureSettings, frozen=True):
    """Settings of `user-personalization`."""

    repeats: bool = True
    """True if an item may be chosen again (animal groups are); if not, what was seen scores 0."""
    learn: bool = True
    """True if a ranker is learned from the log, and used where it beats the mixture."""
    candidates: Count = 200
    """Number of items that the learned ranker orders for a request."""
    min_requests: Count = 300
    """With fewer training requests than this nothing is learned: the mixture answers alone."""
    max_requests: Count = 24_000
    """Most training requests that are cut from the log."""
    max_events: Count = 5_000_000
    """Of a longer log, visitors with so many events are drawn, and the ranker learns from those."""
    trees: Count = 160
    """Most trees of the ranker; fewer, or none, when held-out users say so."""
    classes: int = 12
    """Classes of visitors told apart by the animals they look at; 0: none."""

    def draft(self) -> "UserPersonalizationSettings":
        """The mixture alone."""
        # It is a hundred times quicker to fit, and all that is tuned is in it.
        return replace(self, learn=False, classes=0)

    def design(self, seed: int) -> Design:
        """Settings of the learned part."""
        return Design(
            repeats=self.repeats,
            candidates=self.candidates,
            weights=self.event_weights,
            context_half_life_days=self.context_half_life_days,
            seen_events=self.context_events,
            min_requests=self.min_requests,
            sample_cap=self.max_requests,
            trees=self.trees,
            seed=seed & 0x7FFFFFFF,  # LightGBM takes no more bits
        )


class UserPersonalization:
    """A learned ranking over decayed counts, own history, related items and popularity."""

    name = USER_PERSONALIZATION
    needs_item = False
    settings: type[UserPersonalizationSettings] = UserPersonalizationSettings

    def fit(
        self, data: Countable, settings: UserPersonalizationSettings, seed: int
    ) -> "UserPersonalizationModel":
        """Count, and learn if there is enough to learn from."""
        log = counts_of(data)
        counts, mixture = _counted(log, settings)
        learned, sample = None, log.sample(settings.max_events)
        if settings.learn:
            learned = Learned.fit(log, sample, counts, mixture, settings, settings.design(seed))
        classes = fit_classes(sample, settings.classes, seed & 0x7FFFFFFF)
        extra = {
            "repeat_share": mixture.repeat_share,
            "learned": None if learned is None else learned.numbers(),
        }
        card = make_card(self.name, _FORMAT, settings, seed, log.summary.fingerprint, extra)
        return UserPersonalizationModel(card, mixture.index, mixture, learned, classes, settings)

    def load(self, card: ModelCard, arrays: Arrays) -> "UserPersonalizationModel":
        """Rebuild from an artefact; CorruptArtefact when it does not fit."""
        settings = read_card(card, self.name, _FORMAT, self.settings)
        share, numbers = card.extra.get("repeat_share"), card.extra.get("learned")
        if not isinstance(share, float) or not 0 <= share <= 1:
            raise CorruptArtefact(f"the {self.name} card lacks its repeat_share")
        mixture = Mixture.load(arrays, settings, share)
        learned = None
        if numbers is not None:
            learned = Learned.load(arrays, numbers, mixture, settings.design(card.seed))
        classes = LatentClasses.load(arrays, "classes.")
        return UserPersonalizationModel(card, mixture.index, mixture, learned, classes, settings)


class _Answer(NamedTuple):
    """Scores of items, then outside; `scale` times `parts` sum to them, except for candidates."""

    scores: Singles
    parts: Singles
    found: Candidates | None
    scale: float = 1.0


# The mixture answers from zero data on. Where the log teaches more, a learned ranker orders its
# likeliest candidates. Classes say what kinds of animals somebody likes.
class UserPersonalizationModel(IndexedModel, frozen=True, dict=True):
    """The mixture, and what was learned beyond it, if anything."""

    mixture: Annotated[Mixture, Kept("")]
    learned: Annotated[Learned | None, Kept("learned.")]
    classes: Annotated[LatentClasses | None, Kept("classes.")]
    _settings: UserPersonalizationSettings

    @property
    def facet_names(self) -> frozenset[str]:
        """The names of the facets that were counted, and of the quiz's answers."""
        return self.mixture.facets.names

    @property
    def counted(self) -> "UserPersonalizationModel":
        """The mixture alone."""
        # What it says of an item hangs on that item, not on a shortlist.
        return replace(self, learned=None)

    def refreshed(self, data: Countable) -> "UserPersonalizationModel":
        """Count anew on `data`; ranker, factors, classes stay (`learned_on` names their data)."""
        log = counts_of(data)
        _, mixture = _counted(log, self._settings)
        learned = self.learned
        if learned is not None:
            learned = learned.refreshed(log, log.sample(self._settings.max_events), mixture)
        extra = {
            **self.card.extra,
            "repeat_share": mixture.repeat_share,
            "learned": None if learned is None else learned.numbers(),
            "learned_on": self.card.extra.get("learned_on", self.card.fingerprint),
        }
        card = replace(self.card, fingerprint=log.summary.fingerprint, extra=extra)
        return replace(self, card=card, index=mixture.index, mixture=mixture, learned=learned)

    def score_catalogue(self, context: Context) -> Singles:
        """Probability of each item to be the next choice; sums to 1."""
        return self._answer(context, ()).scores

    def score(self, context: Context, items: Sequence[str]) -> Singles:
        """The same for any ids; outside the catalogue, as an untouched related item."""
        columns, outside = self.index.columns(items)
        return self._answer(context, outside).scores[columns]

    def contributions(
        self, context: Context, items: Sequence[str]
    ) -> Mapping[str, NDArray[np.floating[Any]]]:
        """Parts of utilities; see the contract. Non-candidates get `base` to reach a log score."""
        columns, outside = self.index.columns(items)
        answer = self._answer(context, outside)
        if answer.found is None or self.learned is None:
            tables = answer.parts[:, columns]
            added_by_facets = self._facet_parts(context, outside, columns, tables)
            return {**dict(zip(TABLES, tables, strict=True)), **added_by_facets}
        place = {item: k for k, item in enumerate(answer.found.items.tolist())}
        among = np.array([place.get(column, -1) for column in columns.tolist()], np.int64)
        inside = np.flatnonzero(among >= 0)
        parts = self._shares(answer, columns)
        for values in parts.values():
            values[inside] = 0.0
        for name, values in self.learned.explain(answer.found, among[inside]).items():
            parts.setdefault(name, np.zeros(len(columns)))[inside] = values
        return parts

    def _facet_parts(
        self, context: Context, outside: Sequence[str], columns: Ints, tables: Singles
    ) -> dict[str, Singles]:
        rows = self.mixture.facet_rows(context)
        if not len(rows):
            return {}
        # The answer without facets: what is more with them came from them.
        plain = self._answer(replace(context, facets=()), outside).parts[-2:, columns]
        added = np.maximum(tables[-2:] - plain, 0.0)
        tables[-2:] -= added
        answered = self.mixture.facets.wishes(rows) is not None
        return {"preferences" if answered else "context": added.sum(axis=0)}

    def _answer(self, context: Context, outside: Sequence[str]) -> _Answer:
        """Candidates share their recall by utilities; the mixture shares out the rest."""
        found = None if self.learned is None else self.learned.ask(context, outside)
        parts = self.mixture.parts(context, outside) if found is None else found.signals.parts
        scores: Singles | None = None if found is None else found.signals.total
        if not self._settings.repeats:
            self._mask(parts, context)
            scores = None
        scores = parts.sum(axis=0) if scores is None else scores
        if self.learned is None or found is None or (best := found.utilities.max()) == -np.inf:
            return _Answer(scores, parts, None)
        # Of held-out choices a share of `recall` were candidates, so the others keep the rest.
        left = float(scores[: len(self.index.ids)].sum() - scores[found.items].sum())
        scale = min(1.0, (1.0 - self.learned.ranker.recall) / left) if left > 0 else 1.0
        chance = np.exp(found.utilities - best)
        scores *= np.float32(scale)
        scores[found.items] = (1.0 - scale * left) * chance / chance.sum()
        return _Answer(scores, parts, found, scale)

    def _mask(self, parts: Singles, context: Context) -> None:
        rows = self.index.rows([event.item for event in context.events])
        seen = rows[rows < len(self.index.ids)]
        total = parts[:, : len(self.index.ids)].sum(axis=0)
        total[seen] = 0.0
        left = float(total.sum())
        # Whoever has seen everything is answered as if nothing was masked.
        if left > 0:
            parts[:, seen] = 0.0
            parts /= np.float32(left)

    def _shares(self, answer: _Answer, columns: Ints) -> dict[str, NDArray[np.floating[Any]]]:
        assert answer.found is not None
        found, scores = answer.found, answer.scores.astype(np.float64)
        best = int(found.utilities.argmax())
        # The difference of utility and log score is the same for all candidates; others get it too.
        level = found.utilities[best] - np.log(max(scores[found.items[best]], 1e-300))
        wanted = np.maximum(scores[columns], 1e-300)
        parts = {
            name: (part[columns] * np.float32(answer.scale)).astype(np.float64) / wanted
            for name, part in zip(TABLES, answer.parts, strict=True)
        }
        whole = np.sum(list(parts.values()), axis=0)
        return {**parts, "base": np.log(wanted) + level - whole}


def _counted(
    log: EventCounts, settings: UserPersonalizationSettings
) -> tuple[MixtureCounts, Mixture]:
    counts, summary = MixtureCounts.of(log, settings), log.summary
    index = ItemIndex.build(summary.data.item_ids, summary.data.attributes)
    return counts, Mixture.of(counts, index, settings)


class PersonalizedRankingSettings(UserPersonalizationSettings, frozen=True):
    """Settings of `personalized-ranking`."""

    candidates: Count = 1_000
    """Number of items that the learned ranker orders for a request."""


class PersonalizedRanking(UserPersonalization):
    """The learned ranking over as many candidates as a list may hold, and more."""

    name = PERSONALIZED_RANKING
    settings = PersonalizedRankingSettings
