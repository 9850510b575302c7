"""What things are called in the templates."""

import base64
import hashlib
from dataclasses import dataclass

from pawsonalize_functions import naming

FUNCTIONS = ("recommend", "rerank", "put_events", "steps", "setup", "watch")
"""The modules of `pawsonalize_functions` that have a handler."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one environment; Amazon Personalize's are in `pawsonalize_functions.naming`."""

    env: str

    @property
    def stack(self) -> str:
        """The CloudFormation stack."""
        return naming.stack(self.env)

    def campaign(self, model: str) -> str:
        """The campaign of `recommender` or `reranking`."""
        return naming.campaign(self.env, model)

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
