"""Notifications as messages of an Amazon SNS topic."""

import re
from typing import Any

import msgspec

from pawsonalize.domain.errors import InvalidInput, NotDelivered
from pawsonalize.domain.notifications import Notification
from pawsonalize.wings.notifications.message import as_json, as_text, headline

_TOPIC = re.compile(r"arn:[^:]+:sns:([^:]+):\d+:[\w.-]+", re.ASCII)
_TIMEOUT_SECONDS = 10
_LONGEST_SUBJECT = 99


class SnsNotifier:
    """`Notifier` that publishes: JSON for most subscribers, plain text for those by e-mail.

    The attribute `kind` lets a subscription filter. Credentials come from the environment, as
    for any tool of that cloud.
    """

    def __init__(self, topic: str) -> None:
        """Publish to `arn:aws:sns:region:account:name`; needs the extra `aws`."""
        named = _TOPIC.fullmatch(topic)
        if named is None:
            raise InvalidInput(
                "notify_sns_topic must look like arn:aws:sns:eu-west-1:123456789012:name",
                field="notify_sns_topic",
            )
        self._topic = topic
        self._client, self._errors = _connect(named[1])

    def send(self, notification: Notification) -> None:
        """See `Notifier.send`."""
        forms = {"default": as_json(notification).decode(), "email": as_text(notification)}
        kind = {"DataType": "String", "StringValue": notification.kind.value}
        try:
            self._client.publish(
                TopicArn=self._topic,
                Subject=_subject(notification),
                Message=msgspec.json.encode(forms).decode(),
                MessageStructure="json",
                MessageAttributes={"kind": kind},
            )
        except self._errors as error:
            raise NotDelivered(f"Amazon SNS did not take it ({error})") from error


def _subject(notification: Notification) -> str:
    """Amazon SNS takes fewer than 100 characters of ASCII."""
    return headline(notification).encode("ascii", "replace").decode()[:_LONGEST_SUBJECT]


def _connect(region: str) -> tuple[Any, tuple[type[Exception], ...]]:
    """A client, and what it raises when it fails."""
    try:
        import boto3  # noqa: PLC0415 - an extra, and slow to import
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise InvalidInput(
            "notify_sns_topic needs the AWS SDK: install pawsonalize[aws]", field="notify_sns_topic"
        ) from error
    once = Config(  # the outbox tries again, and knows when
        connect_timeout=_TIMEOUT_SECONDS,
        read_timeout=_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1},
    )
    return boto3.client("sns", region_name=region, config=once), (BotoCoreError, ClientError)
