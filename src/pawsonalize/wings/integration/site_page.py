"""The embed in a site's page: its script, its elements and its keys, as they are written there."""

import re
from html.parser import HTMLParser

import msgspec

_KEY = re.compile(r"""\bkey\s*:\s*["'`]([^"'`\s]{1,200})["'`]""")
_IMPORT = re.compile(r"""["'`]([^"'`\s]{1,500}/embed\.js(?:\?[^"'`\s]{0,100})?)["'`]""")
_PREFIX = "pawsonalize-"


class EmbedScript(msgspec.Struct, frozen=True):
    """A script that is the embed, or imports it."""

    address: str
    is_module: bool


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
        self._is_in_script, self._is_module = False, False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what is ours."""
        given = {name: value or "" for name, value in attrs}
        if tag == "script":
            self._is_in_script, self._is_module = True, given.get("type") == "module"
            if given.get("src", "").partition("?")[0].endswith("/embed.js"):
                self.scripts.append(EmbedScript(given["src"], self._is_module))
        elif tag.startswith(_PREFIX):
            self.elements.append(EmbedElement(tag, given))

    def handle_endtag(self, tag: str) -> None:
        """Leave a script."""
        if tag == "script":
            self._is_in_script = False

    def handle_data(self, data: str) -> None:
        """Look through a script for the client and its key."""
        if self._is_in_script and (found := _IMPORT.search(data)):
            self.scripts.append(EmbedScript(found[1], self._is_module))
            self.keys += _KEY.findall(data)
