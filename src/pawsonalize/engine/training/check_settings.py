"""From which sizes and shares on the checks of the data speak."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """Thresholds of the data checks; shares are of all events, between 0 and 1."""

    min_events: int = 100
    """With fewer events nothing is trained."""
    min_users: int = 10
    """With fewer visitors nothing is trained."""
    max_user_share: float = 0.2
    """A visitor with a greater share of the events is a finding."""
    max_item_share: float = 0.5
    """An item with a greater share of the events is a finding."""
    bot_events: int = 50
    """A visitor with so many events may be a bot…"""
    bot_seconds: float = 3.0
    """…and is one if half of the steps from item to item took less than this."""


HOPELESS_SHARE = 0.9
"""If one visitor, one item or bots have a greater share of the events, the finding blocks."""
