"""Charts of the console: what their axes say."""

import pytest

from pawsonalize.wings.console.charts import ChartLine, LineChart


def test_no_label_of_an_axis_repeats_and_each_is_true(subtests: pytest.Subtests) -> None:
    for form in ["{:,.0f}", "{:,.1f}", "{:.3f}"]:
        for highest in [0.0004, 0.02, 0.4, 1, 2, 3, 5, 22, 25, 1_900]:
            with subtests.test(form=form, highest=highest):
                chart = LineChart(
                    "Adoptions", ("a", "b"), (ChartLine("all", (0.0, highest)),), form=form
                )
                heights, labels = zip(*chart.ticks(), strict=True)
                assert len(set(labels)) == len(labels) == 3
                bottom, middle, top = (float(label.replace(",", "")) for label in labels)
                assert (bottom, middle) == (0, top / 2)
                assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2])


def test_shares_are_labelled_in_per_cent() -> None:
    line = ChartLine("all", (1.0, 0.2))
    chart = LineChart("Waiting", ("a", "b"), (line,), form="{:.0%}", top=1.0)
    assert [label for _, label in chart.ticks()] == ["0%", "50%", "100%"]
