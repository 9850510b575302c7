"""The tables that migrations begin with; those of before were never released, and are refused.

Revision: 0023, after: None. A new database gets its tables from the program's own description, not
from migrations.
"""

revision = "0023"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing."""
