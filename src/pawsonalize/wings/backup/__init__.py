"""Copies of a data folder, their restoration, and removal of everything."""

from pawsonalize.wing import Wing

WING = Wing("backup", commands="commands:COMMANDS")
