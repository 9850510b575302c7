"""Which animal groups for this visitor?"""

import json
from typing import Any

from pawsonalize_functions.clients import client
from pawsonalize_functions.configuration import parameter
from pawsonalize_functions.questions import (
    GENERAL_VISITOR,
    Form,
    answered,
    call,
    read_context,
    read_form,
    read_visitor,
)

_KNOWN = ("userId", "sessionId", "limit", "context")
_USUAL, _MOST = 10, 500


def handler(event: Form, _context: object) -> Any:
    """`{"userId"?, "sessionId"?, "limit"?: 1…500 = 10, "context"?}` → `[{"id": group}, …]`.

    Without a user or session these are general recommendations. Any other limit is answered by 10.
    """
    return answered(event, _recommend)


def _recommend(form: Form) -> list[dict[str, str]]:
    read_form(form, _KNOWN)
    answer = call(
        client("personalize-runtime").get_recommendations,
        numResults=_limit(form),
        userId=read_visitor(form) or GENERAL_VISITOR,
        campaignArn=parameter("RECOMMENDER_CAMPAIGN_ARN_PATH"),
        **read_context(form),
    )
    return [{"id": item["itemId"]} for item in answer["itemList"]]


def _limit(form: Form) -> int:
    value = form.get("limit", _USUAL)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST:
        return value
    # As AWS's own sample does; a site that it answers must not stand still here.
    print(f"limit {json.dumps(value)[:40]} is no whole number from 1 to {_MOST}: {_USUAL} it is")
    return _USUAL
