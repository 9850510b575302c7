"""From which sizes and shares on the data checks speak."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """Thresholds of the data checks; shares lie between 0 and 1."""

    min_events: int = 100
    """With fewer events nothing is trained."""
    min_users: int = 10
    """With fewer visitors nothing is trained."""
