"""Alerts: visitors who wish it are told of an animal that they would love."""

from pawsonalize.wing import Wing

WING = Wing("alerts", operations="endpoints:OPERATIONS", started="matching:started")
