"""Copies of a data folder, their restoration, and removal of everything."""

from pawsonalize.core.plugin import Plugin

PLUGIN = Plugin("backup", commands="commands:COMMANDS")
