"""What only Amazon SNS can get wrong."""

import json
import subprocess
import sys
from typing import Any

import pytest

from pawsonalize.core.errors import InvalidInput, NotDelivered
from pawsonalize.plugins.notifications.notifiers import SnsNotifier, as_text
from tests.plugins.notifications.receivers import NEWS, Topic


@pytest.mark.usefixtures("aws")
def test_subscriptions_can_filter_by_kind() -> None:
    topic = Topic()
    SnsNotifier(topic.name).send(NEWS)
    (message,) = topic.messages()
    assert message["MessageAttributes"]["kind"]["Value"] == "not-promoted"
    assert message["Subject"] == "Pawsonalize: The live version stays"


@pytest.mark.usefixtures("aws")
def test_people_get_text_and_programs_json() -> None:
    notifier = SnsNotifier("arn:aws:sns:eu-west-1:123456789012:news")
    sent: list[dict[str, Any]] = []
    events = notifier._client.meta.events
    events.register("provide-client-params.sns.Publish", lambda params, **_: sent.append(params))
    with pytest.raises(NotDelivered):
        notifier.send(NEWS)
    forms = json.loads(sent[0]["Message"])
    assert json.loads(forms["default"])["text"] == NEWS.text
    assert forms["email"] == as_text(NEWS)
    assert forms["sms"] == forms["application"] == f"{sent[0]['Subject']}\n{NEWS.text}"


@pytest.mark.usefixtures("aws")
def test_a_topic_that_does_not_exist_is_not_delivered() -> None:
    gone = SnsNotifier("arn:aws:sns:eu-west-1:123456789012:gone")
    with pytest.raises(NotDelivered, match="NotFound"):
        gone.send(NEWS)


def test_a_topic_is_named_in_full() -> None:
    for name in ("news", "arn:aws:sqs:eu-west-1:123456789012:news"):
        with pytest.raises(InvalidInput, match="arn:aws:sns:eu-west-1"):
            SnsNotifier(name)


def test_without_the_sdk_the_error_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['boto3'] = None\n"
        "from pawsonalize.core.errors import InvalidInput\n"
        "from pawsonalize.plugins.notifications.notifiers import SnsNotifier\n"
        "try: SnsNotifier('arn:aws:sns:eu-west-1:123456789012:news')\n"
        "except InvalidInput as error: print(error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pawsonalize[aws]" in done.stdout


def test_the_sdk_is_not_imported_where_no_topic_is_set() -> None:
    program = "import sys, pawsonalize.app.asgi; print('boto3' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
