"""Charts of the console: what their axes say."""

import json

import pytest

from pawsonalize.core.times import DAY, SECOND, parse_moment
from pawsonalize.plugins.console.charts import LEFT, RIGHT, ChartLine, ChartMark, LineChart


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


def test_what_happened_is_marked_where_it_was_in_the_drawing_and_for_the_script() -> None:
    noon = parse_moment("2026-05-17T12:00:00Z", "noon")
    marks = (ChartMark(noon, "A new model went live", "good"), ChartMark(noon - 9 * DAY, "before"))
    chart = LineChart(
        "NDCG@5",
        ("16 May", "18 May"),
        (ChartLine("new", (0.2, None)),),
        form="{:.3f}",
        places=(float(noon - DAY), float(noon + DAY)),
        is_time=True,
        marks=marks,
    )
    assert list(chart.marked()) == [("good", "A new model went live", (LEFT + RIGHT) / 2)]
    data = json.loads(chart.data)
    assert (data["x"][1] - data["x"][0], data["digits"], data["isShare"]) == (172_800, 3, False)
    assert data["lines"] == [{"label": "new", "values": [0.2, None]}]
    assert data["marks"][0] == {
        "x": noon / SECOND, "text": "A new model went live", "kind": "good",
    }  # fmt: skip


def test_shares_are_labelled_in_per_cent() -> None:
    line = ChartLine("all", (1.0, 0.2))
    chart = LineChart("Waiting", ("a", "b"), (line,), form="{:.0%}", top=1.0)
    assert [label for _, label in chart.ticks()] == ["0%", "50%", "100%"]
