"""The operator's pages: what the service knows, does and recommends."""

from pawsonalize.wing import Wing

WING = Wing("console", operations="operations:OPERATIONS", pages="pages.door:routes")
