"""Modules of SciPy, which are imported at their first use: a server starts without them."""

from typing import TYPE_CHECKING

from pawsonalize.core.late import late

if TYPE_CHECKING:
    from scipy import sparse, special
    from scipy.linalg import lapack
else:
    sparse, special = late("scipy.sparse"), late("scipy.special")
    lapack = late("scipy.linalg.lapack")

__all__ = ["lapack", "sparse", "special"]
