"""The console in a real browser: an operator's walk, every width, light and dark, keyboard."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, Response, expect

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.pages import shell
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.scopes import Scope
from pawsonalize.core.times import MINUTE
from pawsonalize.train.retraining.runs import RunOutcome, Step, StepTiming, changes_of, run_lease
from tests.adoption_site import serving
from tests.browser.conftest import PATIENCE
from tests.browser.test_accessibility import broken_rules
from tests.console_world import make_console_world, running_run, store_run
from tests.service_data import make_key

_PATHS = (
    "/console",
    "/console/models",
    "/console/models/solutions/recommender",
    "/console/models/compare",
    "/console/happenings",
    "/console/models/retrain",
    "/console/models/roll-back?campaign=nobody",
    "/console/outcomes?days=365",
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_console_world(tmp_path_factory.mktemp("console"), access_keys="required")


@pytest.fixture(scope="module")
def address(service: Settings) -> Iterator[str]:
    with serving(build_app(service)) as address:
        yield address


@pytest.fixture(scope="module")
def key(service: Settings) -> str:
    return make_key(service, Scope.OPERATOR)


@pytest.fixture
def operator(browser: Browser, address: str, key: str) -> Iterator[Page]:
    """Somebody who has signed in and looks at the first page."""
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    sign_in(page, key)
    yield page
    context.close()


def sign_in(page: Page, key: str) -> None:
    page.goto("/console")
    page.get_by_label("Access key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()


@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        ("light", 360),
        ("dark", 1440),
        pytest.param("light", 768, marks=pytest.mark.nightly),
        pytest.param("dark", 360, marks=pytest.mark.nightly),
    ],
)
def test_no_page_breaks_a_rule_or_scrolls_sideways(
    browser: Browser, address: str, key: str, scheme: Any, width: int
) -> None:
    context = browser.new_context(
        base_url=address, color_scheme=scheme, viewport={"width": width, "height": 4_000}
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    complaints: list[str] = []
    sign_in(page, key)
    run = page.get_by_role("link", name="Why: every rule").get_attribute("href")
    page.on("console", lambda message: complaints.append(message.text))
    broken: dict[str, Any] = {}
    for path in (*_PATHS, str(run)):
        page.goto(path)
        for summary in page.locator("summary").all():
            summary.click()
        if rules := broken_rules(page):
            broken[path] = rules
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            broken[f"{path} is wide"] = wide
    context.close()
    assert broken == {}
    assert [one for one in complaints if "404" not in one] == []


def test_a_version_says_where_its_model_of_choices_is_off_with_every_count_below(
    operator: Page,
) -> None:
    operator.goto("/console/models/solutions/recommender")
    newest, live = operator.locator("li.card").all()[:2]
    said = newest.get_by_text("Animals at places 25 to 48 are opened 1.60 times as often as the")
    assert said.is_visible()
    assert live.get_by_text("times as often").count() == 0
    newest.get_by_text("Opened and expected on held-out pages").click()
    row = newest.get_by_role("row").filter(has_text="places 25 to 48")
    assert row.inner_text().split()[-5:] == ["9,000", "800", "500", "1.60", "off"]


def test_a_version_says_what_asking_and_each_set_of_weights_would_bring_or_why_it_cannot(
    operator: Page,
) -> None:
    operator.goto("/console/models/solutions/recommender")
    newest, live = operator.locator("li.card").all()[:2]
    assert newest.get_by_text(
        "If every visitor answered a board: 21.4 homes for each 1,000 visits in place of 20.1, 19.0"
        " days of waiting in place of 22.0."
    ).is_visible()
    assert live.get_by_text(
        "The weights of the order were not played: until there are 14 days of pages"
    ).is_visible()
    assert live.get_by_text("What each set of weights would bring").count() == 0
    newest.get_by_text("What each set of weights would bring").click()
    rows = [row.inner_text().split() for row in newest.get_by_role("row").all()]
    assert ["67%", "chosen", "0.5", "10%", "20.1", "22.0", "70%"] in rows
    assert ["67%", "another", "setting", "0.5", "5%", "20.3", "21.6", "70%"] in rows
    assert sum("chosen" in row for row in rows) == 1


def test_a_version_is_promoted_by_the_keyboard_alone(operator: Page) -> None:
    operator.goto("/console/models/solutions/recommender")
    operator.keyboard.press("Tab")
    assert focused(operator) == "Skip to the content"
    operator.keyboard.press("Enter")
    press_until(operator, "Promote to recommender")
    operator.keyboard.press("Enter")
    operator.get_by_role("heading", name="Promote recommender-").wait_for()
    press_until(operator, "Promote")
    operator.keyboard.press("Enter")
    operator.get_by_role("status").filter(has_text="is about to serve").wait_for()


@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_page_that_is_being_made_gives_way_to_it(
    browser: Browser, address: str, key: str, has_scripts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=has_scripts)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    sign_in(page, key)
    monkeypatch.setattr(shell, "SOON_SECONDS", 0.0)
    statuses: list[int] = []

    def note(answer: Response) -> None:
        if answer.request.is_navigation_request():
            statuses.append(answer.status)

    page.on("response", note)
    page.goto("/console/outcomes", wait_until="commit")
    page.get_by_role("heading", name="Outcomes").wait_for()
    *waiting, last = statuses  # on a busy machine it asks more than once
    assert (set(waiting), last) == ({202}, 200)
    page.go_back()
    page.get_by_role("heading", name="Overview").wait_for()
    context.close()


def test_a_slash_goes_to_the_box_and_a_single_hit_is_opened(operator: Page) -> None:
    operator.goto("/console/models")
    operator.keyboard.press("/")
    operator.keyboard.type("user 3")
    operator.keyboard.press("Enter")
    operator.wait_for_url("**/console/visitors?userId=user+3*")


def test_a_time_that_was_chosen_once_stays_on_other_pages(operator: Page) -> None:
    operator.goto("/console")
    operator.get_by_role("link", name="30 days").click()
    operator.wait_for_url("**/console?period=30d")
    operator.get_by_role("link", name="Models", exact=True).click()
    operator.wait_for_url("**/console/models?period=30d")
    assert operator.get_by_role("link", name="30 days").get_attribute("aria-current") == "true"


def test_a_chart_says_the_values_under_the_pointer(operator: Page) -> None:
    operator.goto("/console/models/solutions/recommender")
    operator.locator(".plot .u-over").hover()
    expect(operator.locator(".readout")).to_contain_text("best simple baseline 0.120")


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.innerText"))


def press_until(page: Page, name: str) -> None:
    """Go on by Tab until the control of that name has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if focused(page).strip() == name:
            return
    raise AssertionError(f"no Tab leads to {name}")


@pytest.mark.parametrize("has_script", [True, False])
def test_steps_fill_in_as_they_go_and_by_reload_without_the_script(
    browser: Browser, address: str, key: str, service: Settings, has_script: bool
) -> None:
    record = replace(running_run(clock.now()), run_id=f"retrain-running-{has_script}")
    with opened(service) as adapters:
        store_run(adapters, record)
        context = browser.new_context(base_url=address, java_script_enabled=has_script)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        sign_in(page, key)
        page.goto(f"/console/models/runs/{record.run_id}")
        page.get_by_text("Train going on for").wait_for()
        now = clock.now()
        done = StepTiming(
            step=Step.AWAIT_VERSIONS, began_at=now - 9 * MINUTE, ended_at=now - 5 * MINUTE
        )
        ended = replace(
            record,
            step=Step.NOTIFY,
            outcome=RunOutcome.CANCELLED,
            reason="somebody cancelled it",
            ended_at=now,
            steps=(record.steps[0], done),
        )
        assert adapters.work.change(run_lease(record.run_id), **changes_of(ended))
    if not has_script:
        page.reload()
    page.get_by_text("The retraining was cancelled.").wait_for()
    page.get_by_text("Train 4 min").wait_for()
    context.close()
