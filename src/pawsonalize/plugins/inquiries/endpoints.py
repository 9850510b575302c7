"""POST /v1/inquiries: what a visitor wrote on a site of your own."""

import msgspec
from starlette.requests import Request

from pawsonalize.core.event import Visitor
from pawsonalize.core.forms.decoder import Form, Id
from pawsonalize.core.http.json import read_form
from pawsonalize.core.http.operation import About, Operations
from pawsonalize.core.limits import parse_id
from pawsonalize.core.scopes import SITE
from pawsonalize.plugins.inquiries.taking import Inquiring, InquiryDraft

# Not for browsers' keys: whoever has one could let the shelter's mail server write to anybody.
OPERATIONS = Operations(SITE, about=About.INVENTORY)


class InquiryRequest(Form, frozen=True, rename="camel", kw_only=True):
    """A message of a visitor to the shelter."""

    animal_id: Id
    """The animal that it is about."""
    name: str
    """Name of the sender, at most 100 characters."""
    contact: str
    """An e-mail address or a telephone number, to which the shelter answers."""
    message: str
    """The text, at most 1,500 characters."""
    session_id: Id
    """The visitor's session."""
    user_id: Id | None = None
    """The user, if you know who it is."""
    recommendation_id: Id | None = None
    """The answer that the visitor found the animal in."""
    language: str = ""
    """Language of the visitor's page, such as `de`: the mail that says the shelter has the message
    is in it. Left out, it is in the setting `language`."""


class InquiryReceipt(msgspec.Struct, frozen=True, rename="camel"):
    """Result for an inquiry, which is on disk now."""

    inquiry_id: str
    """Its id."""
    is_new: bool
    """False if the same visitor sent the same message before: it is then sent to nobody again."""


@OPERATIONS.add(
    "POST",
    "/v1/inquiries",
    request=InquiryRequest,
    status=202,
    examples={
        "by mail": {
            "animalId": "A-17",
            "name": "Ann",
            "contact": "ann@example.org",
            "message": "May I meet Nina on Saturday?",
            "sessionId": "s-1",
        }
    },
    summary="Hand a visitor's message about an animal to the shelter.",
    notes=(
        "The shelter gets it by its notifiers and on the console, and it counts as one `inquiry`"
        " event of that visitor. It needs the setting `inquiries`."
    ),
)
async def post_inquiries(request: Request) -> InquiryReceipt:
    """Store an inquiry and let it be delivered."""
    form = await read_form(request, InquiryRequest)
    inquiring: Inquiring = request.app.state.plugins["inquiries"]
    draft = InquiryDraft.read(str(form.animal_id), form.name, form.contact, form.message)
    user_id = None if form.user_id is None else parse_id(form.user_id, "userId")
    visitor = Visitor(user_id, parse_id(form.session_id, "sessionId"))
    source = form.recommendation_id
    recommendation_id = None if source is None else parse_id(source, "recommendationId")
    inquiry, is_new = await inquiring.send(draft, visitor, recommendation_id, form.language)
    return InquiryReceipt(inquiry.inquiry_id, is_new)
