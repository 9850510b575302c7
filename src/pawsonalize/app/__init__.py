"""The composition root: from settings to adapters, engine, commands and servers."""

import sys

# structlog imports Rich, where it is, for tracebacks that no log of ours has: a tenth of a start.
_is_loaded = "rich" in sys.modules
if not _is_loaded:
    sys.modules["rich"] = None  # type: ignore[assignment]
import structlog as structlog  # noqa: E402

if not _is_loaded:
    del sys.modules["rich"]
