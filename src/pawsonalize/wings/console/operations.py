"""The JSON of the console's pages."""

from pawsonalize.wings.console.animal_operations import CONSOLE_ANIMAL_OPERATIONS
from pawsonalize.wings.console.console_operations import CONSOLE_OPERATIONS
from pawsonalize.wings.console.event_operations import CONSOLE_EVENT_OPERATIONS
from pawsonalize.wings.console.service_operations import CONSOLE_SERVICE_OPERATIONS
from pawsonalize.wings.console.visitor_operations import CONSOLE_VISITOR_OPERATIONS

OPERATIONS = (
    *CONSOLE_OPERATIONS,
    *CONSOLE_ANIMAL_OPERATIONS,
    *CONSOLE_VISITOR_OPERATIONS,
    *CONSOLE_EVENT_OPERATIONS,
    *CONSOLE_SERVICE_OPERATIONS,
)
