"""Moments of the demo world at which a recommendation is asked for, and what is known then."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.core.breeds import family_of
from pawsonalize.models.recipes.contract import Context, ContextEvent
from pawsonalize.models.recipes.data import ItemAttributes, StayColumns, TrainingData
from pawsonalize.plugins.demo.world import EVENT_TYPES, VIEW, World

_READ = 50  # events of a context, as in serving
KINDS = ("warm", "first click", "anonymous", "nothing known")


@dataclass(frozen=True, slots=True)
class Moment:
    """Just before event `row`, a view; `previous` is the animal viewed before in the session."""

    row: int
    visitor: int
    at: int
    target: int
    previous: int | None
    context: Context


def cut_of(world: World, share: float) -> int:
    """The moment before which that share of the world's time lies."""
    return world.start + round(share * (world.end - world.start))


def training_data(world: World, cut: int) -> TrainingData:
    """What the service would train on at the cut: bound sessions are their users'."""
    told = world.events.columns[world.events.columns.moment < cut]
    bound = np.zeros(int(world.events.columns.session.max()) + 2, bool)
    bound[told.session[told.identified]] = True
    bound[-1] = False  # adoptions have no session
    key = np.where(told.identified | bound[told.session], told.visitor, -1 - told.session)
    _, user = np.unique(key, return_inverse=True)
    listed = [animal.listed_at < cut for animal in world.animals]
    known = np.unique(world.oracle.group[np.array(listed)])
    code = np.full(len(world.groups), -1, np.int32)
    code[known] = np.arange(len(known))
    order = np.argsort(user, kind="stable")
    return TrainingData(
        user=user[order].astype(np.int32),
        item=code[world.oracle.group[told.animal[order]]],
        event_type=told.kind[order].astype(np.int16),
        value=np.full(len(order), np.nan, np.float32),
        time=told.moment[order],
        n_users=int(user.max(initial=-1)) + 1,
        item_ids=tuple(world.groups[group].id for group in known.tolist()),
        event_types=EVENT_TYPES,
        attributes=_attributes(world, known),
        as_of=cut,
        stays=_stock(world).as_of(cut, code),
    )


def _stock(world: World) -> StayColumns:
    stock = world.oracle.stock
    return StayColumns(world.oracle.group.astype(np.int32), stock.listed, stock.adopted)


def _attributes(world: World, known: NDArray[np.int64]) -> ItemAttributes:
    names = ("species", "breed", "size", "age", "family")
    groups = [world.groups[group] for group in known.tolist()]
    columns = [[getattr(group, name) for group in groups] for name in names[:-1]]
    columns.append([family_of(group.species, group.breed) for group in groups])
    values = [tuple(dict.fromkeys(column)) for column in columns]
    codes = [
        [code.index(value) for value in column]
        for column, code in zip(columns, values, strict=True)
    ]
    return ItemAttributes(names, tuple(values), np.array(codes, np.int32).T)


def sample_moments(world: World, cut: int, size: int, seed: int) -> Mapping[str, list[Moment]]:
    """For each of `KINDS` up to `size` views by people after the cut, one per visitor."""
    columns = world.events.columns
    user_rows = np.argsort(columns.visitor, kind="stable")
    bounds = np.searchsorted(
        columns.visitor[user_rows], np.arange(int(columns.visitor.max()) + 2)
    ).tolist()
    settings = world.settings
    bot = (columns.visitor >= settings.adopters) & (
        columns.visitor < settings.adopters + settings.bots
    )
    later = np.flatnonzero((columns.moment >= cut) & (columns.kind == VIEW) & ~bot)
    chosen: dict[str, dict[int, Moment]] = {kind: {} for kind in KINDS}
    for row in np.random.default_rng(seed).permutation(later).tolist():
        visitor = int(columns.visitor[row])
        moment = _moment(world, row, user_rows[bounds[visitor] : bounds[visitor + 1]])
        for kind in _kinds(moment, bool(columns.identified[row])):
            if len(chosen[kind]) < size:
                chosen[kind].setdefault(visitor, moment)
        if all(len(moments) == size for moments in chosen.values()):
            break
    return {kind: list(moments.values()) for kind, moments in chosen.items()}


def _kinds(moment: Moment, identified: bool) -> list[str]:
    known = len(moment.context.events)
    if not known:
        return ["nothing known"]
    kinds = ["first click"] if known == 1 else []
    if not identified:
        kinds.append("anonymous")
    elif known >= 5:
        kinds.append("warm")
    return kinds


def _moment(world: World, row: int, rows: NDArray[np.int64]) -> Moment:
    """The moment before `row`, one of its visitor's `rows` (in order of time)."""
    columns = world.events.columns
    at, session = int(columns.moment[row]), int(columns.session[row])
    before = rows[columns.moment[rows] < at]
    there = columns.session[before] == session
    views = before[there & (columns.kind[before] == VIEW)]
    if columns.identified[row]:
        own = columns.identified[before]
        bound = columns.session[before[own]]
        known = before[own | there | np.isin(columns.session[before], bound[bound >= 0])]
    else:
        known = before[there]
    return Moment(
        row=row,
        visitor=int(columns.visitor[row]),
        at=at,
        target=int(columns.animal[row]),
        previous=int(columns.animal[views[-1]]) if len(views) else None,
        context=Context(tuple(_seen(world, seen) for seen in known[: -_READ - 1 : -1]), at),
    )


def _seen(world: World, row: int) -> ContextEvent:
    columns = world.events.columns
    return ContextEvent(
        world.events.item_ids[columns.animal[row]],
        EVENT_TYPES[columns.kind[row]],
        int(columns.moment[row]),
    )
