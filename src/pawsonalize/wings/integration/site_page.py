"""The HTML of a site's page: scripts and elements of ours, keys, and policies."""

import re
from html.parser import HTMLParser

import msgspec

from pawsonalize.wings.integration.policies import EmbedScript, read_policies

_KEY_IN_SCRIPT = re.compile(r"""\bkey\s*:\s*["'`]([^"'`\s]{1,200})["'`]""")
# Behind `from` or `import` it is loaded with the script, else when a line of the script runs.
_IMPORT_IN_SCRIPT = re.compile(
    r"""(\b(?:from|import)\s*)?["'`]([^"'`\s]{1,500}/embed\.js(?:\?[^"'`\s]{0,100})?)["'`]"""
)
POLICY = "content-security-policy"


class SitePage(HTMLParser):
    """Reads a page of a site. Nothing of it is run: what its scripts add later is not seen."""

    def __init__(self, html: str, policies: str) -> None:
        super().__init__()
        self.scripts: list[EmbedScript] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        """Elements of ours, with their attributes; those without a value are empty."""
        self.keys: list[str] = []
        """Keys that are given in scripts of the page."""
        self.policies = read_policies(policies)
        """Those of its headers, then its own."""
        self._script: EmbedScript | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what is ours, and what forbids it."""
        given = {name: value or "" for name, value in attrs}
        if tag == "script":
            self._script = EmbedScript(
                given.get("src", ""),
                given.get("type", "").strip().lower() == "module",
                given.get("nonce", ""),
                tuple(self.policies),
            )
            if self._script.address.partition("?")[0].endswith("/embed.js"):
                self.scripts.append(self._script)
        elif tag == "meta" and given.get("http-equiv", "").lower() == POLICY:
            self.policies += read_policies(given.get("content", ""))
        elif tag.startswith("pawsonalize-"):
            self.elements.append((tag, given))

    def handle_endtag(self, tag: str) -> None:
        """Leave a script."""
        if tag == "script":
            self._script = None

    def handle_data(self, data: str) -> None:
        """Look through a script for the client and its key."""
        if self._script is not None and (found := _IMPORT_IN_SCRIPT.search(data)):
            script = msgspec.structs.replace(
                self._script,
                address=found[2],
                inline=data.replace("\r\n", "\n"),
                is_dynamic=found[1] is None,
                is_module=self._script.is_module or found[1] is None,
            )
            self.scripts.append(script)
            self.keys += _KEY_IN_SCRIPT.findall(data)
