"""Settings of the gate: its conditions for a new solution version."""

from enum import StrEnum

import msgspec


class Profile(StrEnum):
    """FULL has every rule, REFERENCE the promotion threshold alone."""

    FULL = "full"
    REFERENCE = "reference"


class GateSettings(msgspec.Struct, frozen=True):
    """Thresholds of the rules; shares and margins lie between 0 and 1, margins are relative."""

    profile: Profile = Profile.FULL
    promotion_threshold: float = 0.01
    """NDCG@5 must be above it."""
    min_test_cases: int = 50
    """With fewer the evidence is insufficient."""
    beat_popularity: bool = True
    """True if it must be better than each simple baseline: popularity and own history."""
    beat_live: bool = True
    """True if it must be better than the live version, or a refresh of it."""
    min_lead: float = 0.02
    """Better is a lead that is no chance and at least so large, as a share of the live NDCG@5."""
    refresh_days: float = 7.0
    """A live version older than this may be replaced by one that is about as good."""
    refresh_margin: float = 0.01
    """About as good: its NDCG@5 is at most so much lower."""
    min_coverage: float = 0.05
    """Of the items that the test cases' lists could hold, at least this share is in one."""
    max_top_item_share: float = 0.9
    """No item may be among the first five of more than this share of the test cases."""
    slice_margin: float = 0.1
    """A slice is worse if that is no chance and its NDCG@5 is lower by more than this share."""
    min_slice_test_cases: int = 30
    """Smaller slices are not looked at; 0 looks at none."""
    calibration_days: float = 28.0
    """For so long a live version stays whose model of choices is right where the new one is off."""
    max_constant_share: float = 0.05
    """At most this share of the test cases may get one score for all items."""
