"""`python -m pawsonalize.cli.behind COMMAND …`: a command that lets all other work go first.

It gives way before it imports anything: that alone takes a second, which requests would feel.
"""

import importlib
import os

_NICENESS = 10

if __name__ == "__main__":
    os.nice(max(0, _NICENESS - os.nice(0)))  # who started it may give way already
    importlib.import_module("pawsonalize.cli.main").main()
