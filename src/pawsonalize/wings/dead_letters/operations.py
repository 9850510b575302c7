"""The operations on dead letters."""

from pawsonalize.http.operation import Operation, RequestParameter
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.wings.dead_letters import endpoints as dead_letters

_LETTER = RequestParameter("letterId", "The letter.", where="path", required=True)

DEAD_LETTER_OPERATIONS = (
    Operation(
        "GET",
        "/v1/dead-letters",
        dead_letters.get_dead_letters,
        "What could not be taken, newest first, with its reasons.",
        OPERATOR,
        answer=dead_letters.LetterList,
        parameters=(
            RequestParameter("limit", "How many, 1 to 500; 50 if left out.", int),
            RequestParameter("cursor", "The `nextCursor` of the page before."),
            RequestParameter("code", "Only what was refused for this reason."),
            RequestParameter("source", "Only what came from there: `http`, or a stream's URL."),
            RequestParameter("since", "Only what came in at or after this moment."),
            RequestParameter("until", "Only what came in before this moment."),
        ),
    ),
    Operation(
        "POST",
        "/v1/dead-letters/replay",
        dead_letters.post_replay,
        "Take letters in again, as they are mended; what is taken is a letter no more.",
        OPERATOR,
        request=dead_letters.LetterReplayRequest,
        answer=dead_letters.ReplayedLetters,
        examples={"all": {"all": True}, "of a reason": {"code": "invalid_input", "source": "http"}},
    ),
    Operation(
        "GET",
        "/v1/dead-letters/{letter_id}",
        dead_letters.get_dead_letter,
        "One letter.",
        OPERATOR,
        answer=dead_letters.Letter,
        parameters=(_LETTER,),
    ),
    Operation(
        "PUT",
        "/v1/dead-letters/{letter_id}",
        dead_letters.put_dead_letter,
        "Mend a letter: what came in stays beside it. 400 if that cannot be taken either.",
        OPERATOR,
        request=dead_letters.MendRequest,
        answer=dead_letters.Letter,
        parameters=(_LETTER,),
        examples={
            "an event": {"raw": '{"sessionId": "s1", "eventType": "view", "animal_id": "a-7"}'}
        },
    ),
    Operation(
        "DELETE",
        "/v1/dead-letters/{letter_id}",
        dead_letters.delete_dead_letter,
        "Remove a letter; the archive keeps its copy for `dead_letter_days`.",
        OPERATOR,
        answer=dead_letters.Letter,
        parameters=(_LETTER,),
    ),
)
