"""What things are called at Amazon Personalize."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

_LONGEST = 63


@dataclass(frozen=True, slots=True)
class AmazonNames:
    """Names, or ARNs, at Amazon Personalize; what is not named there is called after ours."""

    dataset_group: str = "pawsonalize"
    event_tracker: str = ""
    """The tracker's ARN; empty: the tracker of the dataset group."""
    solutions: Mapping[str, str] = field(default_factory=dict)
    """By the names of ours."""
    campaigns: Mapping[str, str] = field(default_factory=dict)
    """By the names of ours."""

    def solution(self, ours: str) -> str:
        """The name or ARN of the solution there."""
        return self.solutions.get(ours) or fitting(f"{self.group}-{ours}")

    def campaign(self, ours: str) -> str:
        """The name or ARN of the campaign there."""
        return self.campaigns.get(ours) or fitting(f"{self.group}-{ours}")

    @property
    def group(self) -> str:
        """The name of the dataset group there."""
        return self.dataset_group.rpartition("/")[2]


def fitting(name: str) -> str:
    """The name, shortened if it is too long there; two that differ stay different."""
    if len(name) <= _LONGEST:
        return name
    digest = blake2b(name.encode(), digest_size=6).hexdigest()
    return f"{name[: _LONGEST - len(digest) - 1]}-{digest}"


def is_arn(name: str) -> bool:
    """Whether that is an ARN rather than a name."""
    return name.startswith("arn:")
