"""GET /embed.js: the client that pages of any site load. packages/js publishes the same file."""

import gzip
import hashlib
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

_SCRIPT = files("pawsonalize.ui").joinpath("static", "embed.js").read_bytes()
_PACKED = gzip.compress(_SCRIPT, mtime=0)
_DIGEST = hashlib.sha256(_SCRIPT).hexdigest()[:16]
_HEADERS = {
    # It holds nothing of anybody: every site may load it, as the module of a page.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "ETag": f'"{_DIGEST}"',
    "Vary": "Accept-Encoding",
}
_HOUR, _YEAR = "public, max-age=3600", "public, max-age=31536000, immutable"
EMBED = f"/embed.js?v={_DIGEST}"
"""Its address while it stays as it is."""


async def get_embed(request: Request) -> Response:
    """Serve the client, packed where the browser takes that."""
    is_named = request.query_params.get("v") == _DIGEST
    headers = _HEADERS | {"Cache-Control": _YEAR if is_named else _HOUR}
    if _HEADERS["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    content = _SCRIPT
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = _PACKED, "gzip"
    return Response(content, headers=headers, media_type="text/javascript")


def routes() -> list[BaseRoute]:
    """The client's route, which every server that answers has."""
    return [Route("/embed.js", get_embed)]
