"""A real service for the tests of programs that use Amazon Personalize: a pytest plugin.

    pytest_plugins = ["pawsonalize.testing"]    # in conftest.py

Needs pytest and boto3 (the extra `aws`). See docs/how-to/test-with-boto3.md.
"""

from pawsonalize.testing.fixtures import pawsonalize_environment, pawsonalize_service
from pawsonalize.testing.process import running_service
from pawsonalize.testing.service import NotActive, Service

__all__ = [
    "NotActive",
    "Service",
    "pawsonalize_environment",
    "pawsonalize_service",
    "running_service",
]
