"""Texts of web pages, which shelters' systems put into names and descriptions."""

import re
from html import unescape

_UNSEEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_NEW_LINE = re.compile(r"<(?:br\b[^<>]*|/p|/div|/li)>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)


def without_markup(text: str | None) -> str | None:
    """The text that a browser would show: `<b>Tom</b> &amp; Max` is `Tom & Max`."""
    if text is None or ("<" not in text and "&" not in text):
        return text
    seen = _UNSEEN.sub(" ", unescape(text).replace("\N{NO-BREAK SPACE}", " "))
    return _TAG.sub("", _NEW_LINE.sub("\n", seen))
