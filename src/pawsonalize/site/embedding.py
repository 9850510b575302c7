"""The client for pages of any site: its script, its words, and the drawings on its cards."""

import gzip
from functools import cache, partial
from importlib.resources import files

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.core.attributes import AGE_NAMES, FEMALE, MALE, SIZE_NAMES
from pawsonalize.site.languages import choose, language
from pawsonalize.site.portraits import get_portrait
from pawsonalize.site.rendering import PACKED, embed_address

_SCRIPT = files("pawsonalize.site").joinpath("static", "embed.js").read_bytes()
_PACKED = gzip.compress(_SCRIPT, mtime=0)
_DIGEST = embed_address().partition("=")[2]
_FOR_ANY_SITE = {
    # It holds nothing of anybody: every site may load it, as the module of a page.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_EMBED_HEADERS = {**_FOR_ANY_SITE, "ETag": f'"{_DIGEST}"', "Vary": "Accept-Encoding"}
# Values on its cards, and the messages that its board shares with the adoption site's.
_SHOWN = (*AGE_NAMES.values(), *SIZE_NAMES.values(), MALE, FEMALE)
_BOARD = {"question": "first", "none": "none", "next": "else"}
_HOUR, _YEAR = "public, max-age=3600", "public, max-age=31536000, immutable"


async def _get_embed(request: Request) -> Response:
    is_named = request.query_params.get("v") == _DIGEST
    headers = _EMBED_HEADERS | {"Cache-Control": _YEAR if is_named else _HOUR}
    if _EMBED_HEADERS["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    content = _SCRIPT
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = _PACKED, "gzip"
    return Response(content, headers=headers, media_type="text/javascript")


async def _get_words(has_pages: bool, request: Request) -> Response:
    tag = choose(request.query_params.get("lang", ""), request.headers.get("accept-language", ""))
    headers = {**_FOR_ANY_SITE, "Cache-Control": _HOUR, "Vary": "Accept-Language"}
    content = _words(tag, has_pages=has_pages)
    return Response(content, headers=headers, media_type="application/json")


@cache
def _words(tag: str, *, has_pages: bool) -> bytes:
    spoken = language(tag)
    texts = {one: spoken.value(one) for one in _SHOWN} | spoken.section("embed")
    texts |= {name: spoken.messages[f"board.{key}"] for name, key in _BOARD.items()}
    texts |= {"lang": tag, "unit": spoken.unit}
    return msgspec.json.encode(texts | ({"page": "/animals/{id}"} if has_pages else {}))


def embed_routes(*, has_pages: bool) -> list[BaseRoute]:
    """Return the routes of the client for pages of any site, which every server has.

    With `has_pages`, an animal without a page of its own is linked to its page on this server.
    """
    return [
        Route("/embed.js", _get_embed),
        Route("/embed.json", partial(_get_words, has_pages)),
        Route("/portrait.svg", get_portrait, middleware=PACKED),
    ]
