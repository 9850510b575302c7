"""The adoption site on a phone with a slow line: nothing moves, and the first paint needs little.

Run it with `-s` to read the largest contentful paint, which depends on the machine: it is printed
and not asserted. What a slow line waits for, the bytes of page, style and script, is asserted.
"""

from collections.abc import Iterator
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser

from tests.adoption_site import serving, site
from tests.browser.conftest import PATIENCE

MOST_SHIFT = 0.02
MOST_BYTES = 30_000
"""Packed bytes before the first paint: 0.15 s of a line of 1.6 Mbit/s."""
_MEASURE = """async () => {
    const entries = (type) => new Promise((resolve) => {
        new PerformanceObserver((list) => resolve(list.getEntries()))
            .observe({ type, buffered: true })
        setTimeout(() => resolve([]), 2000)
    })
    const paints = await entries("largest-contentful-paint"), last = paints.at(-1)
    const shifts = await entries("layout-shift")
    const needed = performance.getEntriesByType("resource")
        .filter((one) => /[.](css|js)/.test(one.name))
    const page = performance.getEntriesByType("navigation")[0]
    return {
        paint: last ? last.startTime : 0,
        element: last && last.element ? last.element.outerHTML.slice(0, 60) : "",
        shift: shifts.reduce((sum, one) => sum + one.value, 0),
        bytes: [page, ...needed].reduce((sum, one) => sum + one.transferSize, 0),
    }
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site of a shelter's own animals."""
    with serving(site(tmp_path_factory.mktemp("paint") / "data", demo=False)) as address:
        yield address


@pytest.mark.parametrize("path", ["/", "/animals/a00", "/looking-for"])
def test_on_a_slow_phone_nothing_moves_and_little_is_loaded_before_the_first_paint(
    browser: Browser, address: str, path: str
) -> None:
    with urlopen(f"{address}{path}"):  # the first answer of a server loads what it answers by
        pass
    context = browser.new_context(
        base_url=address, viewport={"width": 360, "height": 780}, device_scale_factor=2
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    devtools = context.new_cdp_session(page)
    line = {"offline": False, "latency": 150, "downloadThroughput": 2e5, "uploadThroughput": 9e4}
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", line)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.goto(path, wait_until="networkidle")
    found = page.evaluate(_MEASURE)
    context.close()
    print(f"{path}: {found['paint']:.0f} ms to {found['element']}, {found['bytes']:,} bytes")
    assert found["shift"] <= MOST_SHIFT
    assert 0 < found["bytes"] <= MOST_BYTES
