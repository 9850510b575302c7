"""The operations that erase visitors, and tell how far that is."""

from pawsonalize.http import erasures, users
from pawsonalize.http.addressing import ADDRESS_PARAMETERS
from pawsonalize.http.operation import About, Operation, RequestParameter
from pawsonalize.kinds.access_keys import SITE

ERASURE_OPERATIONS = (
    Operation(
        "DELETE",
        "/v1/users/{user_id:visitor}",
        users.delete_user,
        "Erase a user with all sessions, wherever anything is stored; see the erasure for how far.",
        SITE,
        about=About.GROUP,
        answer=erasures.NotedErasure,
        status=202,
        parameters=(
            RequestParameter("userId", "The user.", where="path", required=True),
            *ADDRESS_PARAMETERS,
        ),
    ),
    Operation(
        "DELETE",
        "/v1/sessions/{session_id:visitor}",
        erasures.delete_session,
        "Erase a visitor who has but a session; 409 for a user's session.",
        SITE,
        about=About.GROUP,
        answer=erasures.NotedErasure,
        status=202,
        parameters=(
            RequestParameter("sessionId", "The session.", where="path", required=True),
            *ADDRESS_PARAMETERS,
        ),
    ),
    Operation(
        "GET",
        "/v1/erasures",
        erasures.get_erasures,
        "The newest erasures and how far they are.",
        SITE,
        answer=erasures.ErasureList,
        parameters=(RequestParameter("limit", "How many, 1 to 500; 20 if left out.", int),),
    ),
    Operation(
        "GET",
        "/v1/erasures/{erasure_id}",
        erasures.get_erasure,
        "One erasure: its steps, what keeps it from being done, files for you to delete.",
        SITE,
        about=About.GROUP,
        answer=erasures.ErasureAnswer,
        parameters=(RequestParameter("erasureId", "The erasure.", where="path", required=True),),
    ),
)
