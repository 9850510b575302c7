"""Rates: limits on the calls of a key."""

import math
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from pawsonalize.domain.errors import InvalidInput, TooManyRequests
from pawsonalize.domain.times import SECOND
from pawsonalize.kinds.access_keys import AccessKey

_IPV6_NEIGHBOURS = 64  # bits that one subscriber's addresses have in common


class Rates:
    """Counts the calls of keys in this process, which gets its share of each rate.

    A browser's key is public, so its calls are counted for each address they come from.
    """

    def __init__(
        self, browser: str, other: str, now: Callable[[], int], processes: int = 1
    ) -> None:
        """`browser` and `other` are rates of keys that have none of their own; empty: no limit."""
        self._browser = browser
        self._other = other
        self._now = now
        self._processes = processes
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def check(self, key: AccessKey, client: str) -> None:
        """Count a call; TooManyRequests if it is one too many."""
        given = key.rate or (self._browser if key.is_public else self._other)
        if not given:
            return
        rate = _share(given, self._processes)
        counted = (key.name, _neighbours(client)) if key.is_public else (key.name,)
        if self._limiter.hit(rate, *counted):
            return
        free = self._limiter.get_window_stats(rate, *counted).reset_time
        raise TooManyRequests(
            f"{key.name} may be used {given}" + (" from one address" if key.is_public else ""),
            retry_after=max(math.ceil(free - self._now() / SECOND), 1),
        )


def check_rate(given: str, field: str) -> None:
    """InvalidInput for text that is no rate."""
    if given:
        _parsed(given, field)


@lru_cache(maxsize=256)
def _share(given: str, processes: int) -> RateLimitItem:
    rate = _parsed(given, "rate")
    return type(rate)(max(rate.amount // processes, 1), rate.multiples)


def _parsed(given: str, field: str) -> RateLimitItem:
    try:
        return parse(given)
    except ValueError as error:
        raise InvalidInput(
            f"{given!r} is no rate: write a number and second, minute, hour or day, such as"
            " 600/minute",
            field=field,
        ) from error


def _neighbours(client: str) -> str:
    """The addresses that are counted together: one of IPv4, a subscriber's of IPv6."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _IPV6_NEIGHBOURS), strict=False))
    return client
