"""/docs: the API for people, made from its document, with a form to try each operation."""

from collections.abc import Callable, Mapping
from functools import cache

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.ui.api_reference import Document, TagView, marked_up, table_of, tags_of
from pawsonalize.ui.rendering import page

_ERROR_TYPES = ("ErrorAnswer", "ErrorDetail", "Rejected")


def routes(document: Callable[[], Document]) -> list[BaseRoute]:
    """The pages of the API that the document describes; it is made when it is first needed."""

    @cache
    def tags() -> Mapping[str, TagView]:
        return tags_of(document())

    async def get_docs(_request: Request) -> Response:
        return await run_in_threadpool(lambda: _overview(document(), tags()))

    async def get_tag(request: Request) -> Response:
        return await run_in_threadpool(lambda: _tag_page(request, tags()))

    return [Route("/docs", get_docs), Route("/docs/{tag}", get_tag)]


def _overview(document: Document, tags: Mapping[str, TagView]) -> Response:
    return page(
        "api_overview.html",
        tags=tags,
        current=None,
        version=document["info"]["version"],
        paragraphs=[marked_up(one) for one in document["info"]["description"].split("\n\n")],
        schemes=[
            (name, marked_up(one["description"]))
            for name, one in document["components"]["securitySchemes"].items()
        ],
        types=[table_of(name, document) for name in _ERROR_TYPES],
    )


def _tag_page(request: Request, tags: Mapping[str, TagView]) -> Response:
    current = tags.get(request.path_params["tag"])
    if current is None:
        return page("api_missing.html", 404, tags=tags, current=None)
    base = str(request.base_url).rstrip("/")
    return page("api_tag.html", tags=tags, current=current, base=base)
