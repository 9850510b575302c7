"""GET /v1/console/settings, POST /v1/console/notifications/test: the service as a whole."""

from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.http.json import json_response
from pawsonalize.http.operation import Operation
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.wings.console.views.service import ChannelTests, ServiceReport


async def get_console_settings(request: Request) -> Response:
    """Settings, keys, notifications, version and servers."""
    services: Services = request.app.state.services
    make = services.views.service.report
    return json_response(await services.console_reads.make(make, services.now()))


async def post_notification_test(request: Request) -> Response:
    """Send a test by every channel."""
    services: Services = request.app.state.services
    make = services.views.service.send_test
    return json_response(await services.console_reads.make(make, services.now()))


CONSOLE_SERVICE_OPERATIONS = (
    Operation(
        "GET",
        "/v1/console/settings",
        get_console_settings,
        "Settings in force and where each comes from, keys, notifications, version and servers.",
        OPERATOR,
        answer=ServiceReport,
    ),
    Operation(
        "POST",
        "/v1/console/notifications/test",
        post_notification_test,
        "Send a test notification by every channel, now.",
        OPERATOR,
        answer=ChannelTests,
    ),
)
