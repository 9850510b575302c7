"""The HTML of a site's page: scripts and elements of ours, keys, and policies of its head."""

import re
from html.parser import HTMLParser

import msgspec

from pawsonalize.wings.integration.policies import ContentPolicy, EmbedScript, read_policies

_KEY_IN_SCRIPT = re.compile(r"""\bkey\s*:\s*["'`]([^"'`\s]{1,200})["'`]""")
_IMPORT_IN_SCRIPT = re.compile(r"""["'`]([^"'`\s]{1,500}/embed\.js(?:\?[^"'`\s]{0,100})?)["'`]""")
_STATIC_IMPORT = re.compile(r"\b(?:from|import)\s*$")
_PREFIX = "pawsonalize-"
POLICY = "content-security-policy"
_IN_HEAD = frozenset(
    {"html", "head", "meta", "title", "base", "link", "style", "script", "noscript", "template"}
)


class EmbedElement(msgspec.Struct, frozen=True):
    """An element of ours, with its attributes; those without a value are empty."""

    name: str
    attributes: dict[str, str]


class SitePage(HTMLParser):
    """Reads a page of a site. Nothing of it is run: what its scripts add later is not seen."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: list[EmbedScript] = []
        self.elements: list[EmbedElement] = []
        self.keys: list[str] = []
        """Keys that are given in scripts of the page."""
        self.policies: list[ContentPolicy] = []
        """Those of its head."""
        self._script: EmbedScript | None = None
        self._is_head = True
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what is ours, and what forbids it."""
        given = {name: value or "" for name, value in attrs}
        self._is_head = self._is_head and tag in _IN_HEAD
        if tag == "script":
            self._script = EmbedScript(
                given.get("src", ""),
                given.get("type", "").strip().lower() == "module",
                given.get("nonce", ""),
                policies=len(self.policies),
            )
            if given.get("src", "").partition("?")[0].endswith("/embed.js"):
                self.scripts.append(self._script)
        elif tag == "meta" and given.get("http-equiv", "").lower() == POLICY and self._is_head:
            self.policies += read_policies(given.get("content", ""), of_meta=True)
        elif tag.startswith(_PREFIX):
            self.elements.append(EmbedElement(tag, given))

    def handle_endtag(self, tag: str) -> None:
        """Leave a script, or the head."""
        if tag == "script":
            self._script = None
        self._is_head = self._is_head and tag != "head"

    def handle_data(self, data: str) -> None:
        """Look through a script for the client and its key."""
        if self._script is not None and (found := _IMPORT_IN_SCRIPT.search(data)):
            is_dynamic = _STATIC_IMPORT.search(data[: found.start()]) is None
            script = msgspec.structs.replace(
                self._script,
                address=found[1],
                inline=data.replace("\r\n", "\n"),
                is_dynamic=is_dynamic,
                is_module=self._script.is_module or is_dynamic,
            )
            self.scripts.append(script)
            self.keys += _KEY_IN_SCRIPT.findall(data)
