"""What things are called, in the templates and in Amazon Personalize."""

import base64
import hashlib
from dataclasses import dataclass

FUNCTIONS = ("recommend", "rerank", "put_events", "steps", "setup", "watch")
"""The modules of `pawsonalize_functions` that have a handler."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one environment. Amazon Personalize's are those of the reference."""

    env: str

    @property
    def stack(self) -> str:
        """The CloudFormation stack."""
        return f"{self.env}-pawsonalize"

    @property
    def dataset_group(self) -> str:
        """The dataset group."""
        return f"{self.env}-recommender-datasetgroup-pdg"

    @property
    def event_tracker(self) -> str:
        """Its event tracker."""
        return f"{self.env}-recommender-personalize-event-tracker-tkr"

    def solution(self, model: str) -> str:
        """The solution of `recommender` or `reranking`."""
        return f"{self.env}-{model}-solution"

    def campaign(self, model: str) -> str:
        """Its campaign."""
        return f"{self.env}-{model}-personalize-campaign-cpn"

    def key_id(self, function: str) -> str:
        """The id of the access key by which a function calls our service; it is no secret."""
        digest = hashlib.sha256(f"{self.stack} {function}".encode()).digest()
        return "PAWS" + base64.b32encode(digest[:10]).decode()


KEY_SCOPES = {
    "recommend": "runtime",
    "rerank": "runtime",
    "put_events": "events",
    "steps": "control-plane",
    "setup": "control-plane",
    "watch": "control-plane",
    "operator": "operator",
}
"""What the access key of each function may do; `operator` is yours."""
