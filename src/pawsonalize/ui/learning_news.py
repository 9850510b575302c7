"""How far the first model is, for a page that is open already."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from pawsonalize.domain.events import Visitor
from pawsonalize.ui.storefront import Storefront


def get_learning(request: Request, _visitor: Visitor) -> Response:
    """What is so at this moment, as text; 204 once a model is live."""
    storefront = Storefront.of(request)
    if storefront.live.is_ready:
        return Response(status_code=204)
    return PlainTextResponse(storefront.learning.in_words())
