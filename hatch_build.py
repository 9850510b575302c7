"""What of the metadata is known when the package is built: addresses, and links of the README.

A release sets PAWSONALIZE_REPOSITORY_URL, so that a fork's package names the fork. Without it a
package has no addresses, and the README's links stay as they are.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class CustomMetadataHook(MetadataHookInterface):
    """Adds the addresses and the README; hatchling looks for a class of this name."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in `urls` and `readme`."""
        home = os.environ.get("PAWSONALIZE_REPOSITORY_URL", "").rstrip("/")
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": _absolute(readme, home) if home else readme,
        }
        metadata["urls"] = _urls(home) if home else {}


def _urls(home: str) -> dict[str, str]:
    return {
        "Homepage": home,
        "Documentation": f"{home}/blob/HEAD/docs/index.md",
        "Changelog": f"{home}/blob/HEAD/CHANGELOG.md",
        "Issues": f"{home}/issues",
        "Source": home,
    }


def _absolute(readme: str, home: str) -> str:
    """The text with links that lead somewhere from a package index, too."""
    pictures = re.sub(r"(!\[[^]]*\]\()(?![a-z]+:)", rf"\1{home}/raw/HEAD/", readme)
    return re.sub(r"(?<!!)(\[[^]!]*\]\()(?![a-z]+:|#)", rf"\1{home}/blob/HEAD/", pictures)
