"""Rows of a calibration, for tests: a model that is right, or off at low places."""

from pawsonalize.models.calibration import Calibration, CalibrationRow

LOW = "places 25 to 48"


def row(by: str, name: str, opened: int, expected: float, error: float = 25.0) -> CalibrationRow:
    return CalibrationRow(by, name, 9_000, opened, expected, error)


def calibration(at_low_places: int = 500) -> Calibration:
    """With so many animals opened at low places, where 500 are expected."""
    return (
        row("all", "all", 2_000 + at_low_places, 2_500.0, 50.0),
        row("place", "place 1", 2_000, 2_000.0),
        row("place", LOW, at_low_places, 500.0),
        row("group", "2-Beagle-2-3", 60, 30.0, 5.0),
    )
