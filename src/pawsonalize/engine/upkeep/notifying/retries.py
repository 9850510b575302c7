"""When a notification is tried again: exponential backoff with jitter, up to an age."""

import random

from pawsonalize.domain.times import DAY, HOUR, SECOND
from pawsonalize.storage.deliveries import Delivery

FIRST_WAIT = 10 * SECOND
LONGEST_WAIT = HOUR
GIVEN_UP_AFTER = 3 * DAY


def next_attempt_at(failed: Delivery, now: int) -> int | None:
    """The moment of the next attempt, or None once the news would be too old by then.

    The wait doubles with each attempt and is then cut by up to a half, by chance, so that many
    that failed together do not come back together. The chance is seeded: the same delivery
    waits the same time after the same attempt.
    """
    doubled = FIRST_WAIT << min(failed.attempts - 1, 16)
    seed = f"{failed.notification.notification_id} {failed.notifier} {failed.attempts}"
    share = random.Random(seed).uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing
    at = now + round(min(doubled, LONGEST_WAIT) * share)
    return at if at <= failed.notification.happened_at + GIVEN_UP_AFTER else None
