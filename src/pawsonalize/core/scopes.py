"""Scopes of access keys: what a key may be used for, and which scopes admit to an operation."""

from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """A permission of a key."""

    BROWSER = "browser"
    """All that a page may do with a key that everybody can read in it."""
    EVENTS = "events"
    """Send events, at both doors."""
    RUNTIME = "runtime"
    """Ask for recommendations and re-rankings, at both doors."""
    SITE = "site"
    """The work of a site's own server: all of the above, inventory, visitors and their erasure."""
    DESK = "desk"
    """The work of a shelter's volunteers on the console: animals, uploads, inquiries, alerts."""
    CONTROL_PLANE = "control-plane"
    """Dataset groups, solutions, campaigns, filters and jobs, at both doors."""
    MONITOR = "monitor"
    """Read metrics, and all that `/readyz` knows."""
    OPERATOR = "operator"
    """Everything."""


BROWSER: Final = frozenset({Scope.BROWSER})
OPERATOR: Final = frozenset({Scope.OPERATOR})
SITE: Final = OPERATOR | {Scope.SITE}
EVENTS: Final = SITE | {Scope.EVENTS}
RUNTIME: Final = SITE | {Scope.RUNTIME}
DESK: Final = OPERATOR | {Scope.DESK}
CONTROL_PLANE: Final = OPERATOR | {Scope.CONTROL_PLANE}
MONITOR: Final = OPERATOR | {Scope.MONITOR}
ANYBODY: Final = frozenset[Scope]()
"""Of an operation: no key is needed."""
