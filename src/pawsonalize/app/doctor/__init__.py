"""What `pawsonalize doctor` looks at. A check is a small function; `checks.py` lists them."""

from pawsonalize.app.doctor.checks import examine
from pawsonalize.app.doctor.finding import Diagnosis, Patient, Verdict

__all__ = ["Diagnosis", "Patient", "Verdict", "examine"]
