"""Records that can never be taken: they go to a queue, or into the log."""

import json
import os
from collections.abc import Mapping
from typing import Any

from pawsonalize_functions.clients import client
from pawsonalize_functions.fields import Refused

_MAX_BODY_BYTES = 256_000  # a queue takes a little more
_QUEUE = "DEAD_LETTER_QUEUE_URL"


def keep(record: Mapping[str, Any], reasons: list[Refused]) -> None:
    """Put the record away with what is wrong with it; raises where the queue does not take it."""
    said = [one.as_error() for one in reasons]
    body = json.dumps({"reasons": said, "record": record})
    if len(body) > _MAX_BODY_BYTES:  # JSON of `dumps` is ASCII; the archive has the whole record
        kinesis = {name: one for name, one in record["kinesis"].items() if name != "data"}
        shortened = {**record, "kinesis": kinesis, "dataIsLeftOut": True}
        body = json.dumps({"reasons": said, "record": shortened})
    queue = os.environ.get(_QUEUE)
    if queue:
        client("sqs").send_message(QueueUrl=queue, MessageBody=body)
    else:
        print(f"dead letter: {body}")
