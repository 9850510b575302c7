"""How a feed at an address stands: what of it is known, and who fetches it."""

from typing import ClassVar

from pawsonalize.engine.resources.resource import Resource


class FeedState(Resource, frozen=True, kw_only=True):
    """The state of the feed of this name.

    `fingerprint` is that of its settings; `tick` the newest of its schedule that is done.
    `claimed_until` is set while a server fetches it, `not_before` after `attempts` that failed.
    `said` is what came of the last attempt, at `looked_at`. Moments are milliseconds since 1970.
    """

    kind: ClassVar[str] = "feed"

    fingerprint: str = ""
    etag: str = ""
    modified: str = ""
    tick: int = 0
    claimed_until: int = 0
    not_before: int = 0
    attempts: int = 0
    looked_at: int = 0
    taken_at: int = 0
    said: str = ""
    failed: bool = False
