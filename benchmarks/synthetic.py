"""Events made up in bulk: skewed popularity, and each user's next item near the one before."""

import numpy as np

from pawsonalize.models.recipes.data import ItemAttributes, TrainingData

EVENTS_PER_USER = 20
_NOW = 1_700_000_000_000
_SPAN = 200 * 86_400_000
_HOPS = 0.2  # of the steps go to an item drawn by popularity


def group_ids(count: int) -> list[str]:
    """That many animal groups: breeds of three sizes and four ages."""
    return [f"2-Breed_{n // 12}-{n // 4 % 3 + 1}-{n % 4 + 1}" for n in range(count)]


def synthetic_data(events: int, items: int, seed: int = 0) -> TrainingData:
    """Columns of that many events by users of `EVENTS_PER_USER` events each."""
    dice = np.random.default_rng(seed)
    users = max(events // EVENTS_PER_USER, 1)
    order = np.argsort(np.arange(events) % users, kind="stable")  # all users come by in turn
    user = (order % users).astype(np.int32)
    fresh = dice.random(events) < _HOPS
    fresh[np.searchsorted(user, np.arange(users))] = True
    popular = dice.permutation(items)[dice.zipf(1.3, events) % items]
    step = np.where(fresh, 0, dice.geometric(0.5, events))
    # A walk goes on from its last hop: what was walked since then is added to where it led.
    hop = np.maximum.accumulate(np.where(fresh, np.arange(events), 0))
    walked = np.cumsum(step)
    item = (popular[hop] + walked - walked[hop]) % items
    return TrainingData(
        user=user,
        item=item.astype(np.int32),
        event_type=np.zeros(events, np.int16),
        value=np.full(events, np.nan, np.float32),
        time=_NOW - (events - order) * (_SPAN // events),
        n_users=users,
        item_ids=tuple(group_ids(items)),
        event_types=("view",),
        attributes=_attributes(items),
        as_of=_NOW,
    )


def _attributes(items: int) -> ItemAttributes:
    n = np.arange(items)
    codes = np.stack([np.zeros_like(n), n // 12, n // 4 % 3, n % 4], axis=1).astype(np.int32)
    breeds = tuple(f"Breed_{number}" for number in range(-(-items // 12)))
    values = (("2",), breeds, ("1", "2", "3"), ("1", "2", "3", "4"))
    return ItemAttributes(("species", "breed", "size", "age"), values, codes)
