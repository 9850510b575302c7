"""Draws the pages of a case, and stores them as the service stores its own."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import expit, logit

from benchmarks.markets.draw import Floats, Ints
from benchmarks.recovery.cases import LIKED, Case
from pawsonalize.animals.animal import AnimalStatus, StatusChange
from pawsonalize.app.adapters import Adapters
from pawsonalize.core.event import NO_PICK, NOTHING, PICK, VIEW, Event
from pawsonalize.core.times import DAY, HOUR, SECOND
from pawsonalize.models.recipes.choices.effects import TRAITS, VISITOR_TRAITS
from pawsonalize.models.recipes.choices.own_effects import Watched, visitor_effects
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.stock import draw_animals, list_animals
from pawsonalize.recommend.animals.factors import animal_values, far, waiting
from pawsonalize.recommend.animals.settings import PARTS
from pawsonalize.recommend.tables import ANIMALS, BOARD, Impression
from pawsonalize.resources.kind import first_recommendation_id

END = 1_767_225_600_000  # 2026-01-01
_BOARD = 6
_PAGES = 6  # of a visitor's newest, as many as an answer has time for
Bools = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass
class Truth:
    """What the pages of a case were drawn from."""

    case: Case
    seed: int
    weights: Mapping[str, float] = field(init=False)
    levels: dict[str, dict[str, float]] = field(default_factory=dict)
    """By trait and value; the traits of `LIKED` alone have any."""

    def __post_init__(self) -> None:
        case = self.case
        self._dice = dice = np.random.default_rng(self.seed)
        self.start = END - case.days * DAY
        self._draw_animals()
        own = case.hidden * dice.standard_normal(len(self.animals))
        self.hidden = float(own.var())
        for name in LIKED:
            names, codes = np.unique(self._values[name], return_inverse=True)
            effects = case.appeal * dice.standard_normal(len(names))
            self.levels[name] = dict(zip(names.tolist(), effects.tolist(), strict=True))
            own = own + effects[codes]
        self.appeal = own
        self.visitors = max(50, case.pages // 5)
        self.eager = case.eager * dice.standard_normal(self.visitors)
        self._tastes = {
            name: case.taste * dice.standard_normal((self.visitors, codes.max() + 1))
            for name, codes in self._codes.items()
        }
        self._traits = np.array(
            [np.unique(self._values[name], return_inverse=True)[1] for name in VISITOR_TRAITS]
        )
        self._variances = {kind: one + 1e-3 for kind, one in case.variances.items()}
        self._near = dice.integers(0, self._places.max() + 1, self.visitors)
        self.weights = {
            "group": 1.0,
            "visitor": 1.0,
            "seen": case.again,
            "waiting": case.waiting,
            "distance": case.distance,
            "far": case.far,
            "photos": case.photos,
            "compatibility": case.household,
        }
        self.attention: Floats = np.asarray(1 / np.arange(1, case.page + 1) ** case.fades)
        if case.goes_on:
            self.attention = np.cumprod(np.full(case.page, case.goes_on)) / case.goes_on
        self._opened, self._looked = np.zeros((2, len(self.animals)))
        self._fixed = dice.permutation(len(self.animals))

    def _draw_animals(self) -> None:
        case, dice = self.case, self._dice
        count = case.stock + round(case.stock * case.days / case.stay)
        stock = draw_animals(WorldSettings(animals=count, days=case.days, shelters=6), dice, END)
        stock = stock[np.sort(dice.choice(len(stock), count, replace=False))]
        listed = dice.integers(self.start, END, count)
        listed[: case.stock] = self.start - dice.exponential(case.stay * DAY, case.stock)
        gone = np.maximum(listed, self.start) + dice.exponential(case.stay * DAY, count)
        self.listed, self.gone = listed.astype(np.int64), gone.astype(np.int64)
        photos = stock.photos.tolist()
        self.animals = [
            replace(one, history=_stay(begins, ends), photos=("p",) * number)
            for one, begins, ends, number in zip(
                list_animals(stock, dice, END),
                self.listed.tolist(),
                self.gone.tolist(),
                photos,
                strict=True,
            )
        ]
        self.photos = np.minimum(stock.photos, 3) / 3
        self._places = stock.shelter
        rows = zip(*(animal_values(one) for one in self.animals), strict=True)
        self._values = dict(zip(TRAITS, rows, strict=True))
        self._codes = {
            name: np.unique(self._values[name], return_inverse=True)[1] for name in LIKED
        }
        self._unknown = -0.5 * (dice.random(count) < 0.4)
        self._groups = [
            one.group_at(int(at)).id for one, at in zip(self.animals, listed, strict=True)
        ]

    def store(self, adapters: Adapters) -> None:
        """Draw all pages in the order of time, and store them with what was opened."""
        adapters.animals.put(self.animals, END)
        case, dice = self.case, self._dice
        moments = np.sort(dice.integers(self.start, END, case.pages))
        visits = _Visits()
        pages, events = list[Impression](), list[Event]()
        self.intercept = float(logit(case.open_rate))
        self._centre()
        for number, at in enumerate(moments.tolist()):
            page, opened = self._page(number, at, visits)
            pages.append(page)
            events += opened
        for number in range(case.boards):
            board, picked = self._board(number, int(moments[-1]))
            pages.append(board)
            events += picked
        for start in range(0, len(pages), 1_000):
            adapters.impressions.append(pages[start : start + 1_000])
        events.sort(key=lambda event: event.sent_at)
        for start in range(0, len(events), 5_000):
            adapters.log.append(events[start : start + 5_000])

    def _centre(self) -> None:
        """Let an average animal be opened at the usual rate where an average visitor looks."""
        here = self._factors(0, np.arange(len(self.animals)), END)
        mean = sum(self.weights[name] * column.mean() for name, column in here.items())
        self.intercept -= float(mean) + float(self.appeal.mean())

    def _factors(self, visitor: int, animals: Ints, at: int) -> dict[str, Floats]:
        apart = np.abs(self._places[animals] - self._near[visitor])
        distance = -np.log1p(apart * 4.0) / np.log1p(50)
        return {
            "waiting": waiting(self.listed[animals], at // HOUR),
            "distance": distance,
            "far": far(distance),
            "photos": self.photos[animals],
            "compatibility": self._unknown[animals] * (visitor % 2),
        }

    def likes(self, visitor: int, animals: Ints) -> Floats:
        """What the visitor makes of the animals beyond what everybody does."""
        return np.asarray(
            sum(taste[visitor, self._codes[name][animals]] for name, taste in self._tastes.items())
        )

    def _page(self, number: int, at: int, visits: "_Visits") -> tuple[Impression, list[Event]]:
        case, dice = self.case, self._dice
        visitor, is_guest = visits.next(self.visitors, at, dice, case.guests)
        there = np.flatnonzero((self.listed <= at) & (self.gone > at))
        shown, odds = self._ordered(there)
        factors = self._factors(visitor, shown, at)
        factors["seen"] = np.log1p(visits.paid(shown))
        factors["group"] = 0.5 * dice.standard_normal(len(shown))
        usual = self.intercept + self.appeal[shown]
        for name, column in factors.items():
            usual = usual + self.weights[name] * column
        key = -visits.number if is_guest else visitor
        factors["visitor"] = self._known(visits.watched[key], shown)
        opened = self._opens(usual + self.likes(visitor, shown) + self.eager[visitor])
        visits.watched[key].see(shown, usual, self.attention[: len(shown)], opened)
        visits.pay(shown, self.attention)
        self._opened[shown] += opened
        self._looked[shown] += self.attention[: len(shown)]
        name = first_recommendation_id(at)[:-6] + f"{number:06x}"
        user, session = None if is_guest else f"u{visitor}", f"s{visits.number}"
        page = self._answer(name, ANIMALS, (user, session), at, shown, factors, odds)
        events = [
            self._event(
                f"e{number}-{place}",
                VIEW,
                (user, session),
                at + (place + 1) * SECOND,
                int(shown[place]),
                name,
            )
            for place in np.flatnonzero(opened).tolist()
        ]
        return page, events

    def _known(self, watched: "_Seen", shown: Ints) -> Floats:
        """What the service would know of the visitor's likings, told how much visitors differ."""
        rows = watched.newest()
        if rows is None:
            return np.zeros(len(shown))
        animals, offset, looks, opened = rows
        far_away = np.zeros(len(animals))
        own = visitor_effects(
            Watched(self._traits[:, animals], far_away, offset, looks, opened), self._variances
        )
        known = (own.of(row, int(codes.max()) + 1)[codes] for row, codes in enumerate(self._traits))
        return own.anything + np.asarray(sum(known))[shown]

    def _ordered(self, there: Ints) -> tuple[Ints, Floats]:
        """The animals of a page, and the probability of each place."""
        case, dice = self.case, self._dice
        match case.order:
            case "newest":
                score = self.listed[there].astype(float)
            case "fixed":
                score = self._fixed[there].astype(float)
            case "ours":
                score = np.log((self._opened[there] + 1) / (self._looked[there] + 14))
                score = score + 0.3 * dice.standard_normal(len(there))
        ranked = there[np.argsort(-score)].tolist()
        size = min(case.page, len(ranked))
        chance = dice.random(size) < case.explored
        page = list[int]()
        for is_drawn in chance.tolist():
            page.append(ranked.pop(int(dice.integers(len(ranked))) if is_drawn else 0))
        odds = np.where(chance, case.explored / max(len(there), 1), 1 - case.explored)
        return np.array(page, np.int64), odds

    def _opens(self, total: Floats) -> Bools:
        dice, size = self._dice, len(total)
        wants = dice.random(size) < expit(total)
        if not self.case.goes_on:
            return np.asarray(wants & (dice.random(size) < self.attention[:size]))
        stays = dice.random(size) < self.case.goes_on
        looked = np.concatenate([[True], np.logical_and.accumulate(stays)[:-1]])
        return np.asarray(wants & looked)

    def _board(self, number: int, at: int) -> tuple[Impression, list[Event]]:
        """A board to a visitor of its own, and the pick by Plackett and Luce."""
        case, dice = self.case, self._dice
        there = np.flatnonzero((self.listed <= at) & (self.gone > at))
        shown = dice.choice(there, min(_BOARD, len(there)), replace=False)
        visitor = int(dice.integers(self.visitors))
        factors = {"distance": np.zeros(len(shown))}
        usual = self.appeal[shown] - self.appeal.mean() + self.likes(visitor, shown)
        usual = usual + case.photos * (self.photos[shown] - self.photos.mean())
        noisy = case.picks * (usual + self.eager[visitor]) + dice.gumbel(size=len(shown))
        none = case.picks * -0.5 + dice.gumbel()
        moment = at + (number + 1) * SECOND
        name = first_recommendation_id(moment)[:-6] + f"{number:06x}"
        who = None, f"b{number}"
        board = self._answer(name, BOARD, who, moment, shown, factors, np.ones(len(shown)))
        best = int(np.argmax(noisy))
        if noisy[best] <= none:
            picked = replace(
                self._event(f"p{number}", NO_PICK, who, moment + SECOND, int(shown[0]), name),
                animal_id=NOTHING,
                item_id=NOTHING,
            )
            return board, [picked]
        event = self._event(f"p{number}", PICK, who, moment + SECOND, int(shown[best]), name)
        return board, [replace(event, event_value=1.0)]

    def _answer(
        self,
        name: str,
        question: str,
        who: tuple[str | None, str],
        at: int,
        shown: Ints,
        factors: Mapping[str, Floats],
        odds: Floats,
    ) -> Impression:
        rows = np.zeros((len(shown), len(PARTS)))
        for part, column in factors.items():
            if part != "far":
                rows[:, PARTS.index(part)] = column
        return Impression(
            recommendation_id=name,
            question=question,
            user_id=who[0],
            session_id=who[1],
            answered_at=at,
            as_of=at,
            solution_version="v",
            item_ids=tuple(self._groups[one] for one in shown.tolist()),
            propensities=tuple(odds.tolist()),
            animal_ids=tuple((self.animals[one].animal_id,) for one in shown.tolist()),
            factors=tuple(map(tuple, rows.tolist())),
        )

    def _event(
        self, event_id: str, kind: str, who: tuple[str | None, str], at: int, animal: int, name: str
    ) -> Event:
        return Event(
            event_id,
            *who,
            kind,
            self._groups[animal],
            at,
            at,
            animal_id=self.animals[animal].animal_id,
            recommendation_id=name,
        )


class _Seen:
    """Places that one visitor was shown, until the animal there was opened."""

    def __init__(self) -> None:
        self._pages: list[tuple[Ints, Floats, Floats, Bools]] = []
        self._opened = np.empty(0, np.int64)

    def see(self, animals: Ints, offset: Floats, looks: Floats, opened: Bools) -> None:
        """Add a page."""
        new = ~np.isin(animals, self._opened)
        self._pages.append((animals[new], offset[new], looks[new], opened[new]))
        self._opened = np.concatenate([self._opened, animals[opened]])
        del self._pages[:-_PAGES]

    def newest(self) -> tuple[Ints, Floats, Floats, Bools] | None:
        """The places of the newest pages; None for somebody who was shown none."""
        if not self._pages:
            return None
        animals, offset, looks, opened = (
            np.concatenate(one) for one in zip(*self._pages, strict=True)
        )
        return animals, offset, looks, opened


class _Visits:
    """Who comes, and what was seen in the visit so far."""

    def __init__(self) -> None:
        self.number = 0
        self._visitor, self._is_guest = 0, True
        self.watched: dict[int, _Seen] = defaultdict(_Seen)
        """By visitor; guests by their visit."""
        self._paid: dict[int, float] = defaultdict(float)

    def next(
        self, visitors: int, _at: int, dice: np.random.Generator, guests: float
    ) -> tuple[int, bool]:
        """The visitor of the next page, of the same visit in four of ten cases."""
        if dice.random() > 0.4 or not self.number:
            self.number += 1
            self._paid.clear()
            self._visitor = int(dice.integers(visitors))
            self._is_guest = bool(dice.random() < guests)
        return self._visitor, self._is_guest

    def paid(self, animals: Ints) -> Floats:
        """The attention that was paid to each animal in this visit."""
        return np.array([self._paid[one] for one in animals.tolist()])

    def pay(self, animals: Ints, attention: Floats) -> None:
        """Add the attention of a page."""
        for one, paid in zip(animals.tolist(), attention.tolist(), strict=False):
            self._paid[one] += paid


def _stay(begins: int, ends: int) -> tuple[StatusChange, ...]:
    here = StatusChange(AnimalStatus.AVAILABLE, begins)
    return (here, StatusChange(AnimalStatus.ADOPTED, ends)) if ends < END else (here,)
