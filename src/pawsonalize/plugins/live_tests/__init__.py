"""Advice on live tests: which design would fit this service. No live test runs in this version."""

from pawsonalize.core.plugin import Plugin

PLUGIN = Plugin("live_tests", commands="commands:COMMANDS")
