"""The command line.

What a command works with takes seconds to import, so it is imported when the command runs: at the
top of these modules stands only what help needs, or they are imported by a command themselves.
"""
