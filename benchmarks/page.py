"""The planner in a real browser: first paint, layout shift, and from an edit to its new numbers."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from app.http.security_headers import CDN
from app.web.assets import LIBRARIES, VENDOR
from benchmarks.chromium import FLAGS
from benchmarks.statistics import Times, report

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
LOADS = 15
ROUNDS = 8
AIM_EDIT_MS = 150.0
AIM_PAINT_MS = 500.0

# What changes in turn, by real clicks and keys: "" clicks, a key's name presses it, other text is
# typed over what is there and left with Tab. `{}` differs in every round, and no job comes twice:
# one that was just planned would be known.
EDITS = (
    ("#f-sequence_length", "2{}"), ("[name=offload][value=none]", ""),
    ("[name=method][value=lora]", ""), ("[name=method][value=qlora]", ""),
    ("#f-optimizer", "ArrowDown"), ("#f-precision", "ArrowDown"), ("#f-gpus_per_node", "8"),
    ("[name=offload][value=cpu]", ""), ("[name=method][value=full]", ""), ("#f-gpus_per_node", "4"),
    ("#f-precision", "ArrowUp"), ("#f-optimizer", "ArrowUp"), ("#f-sequence_length", "8{}"),
)  # fmt: skip
# Longer than the page waits before it draws for the pointer: that is part of what an edit costs.
PAUSE_MS = 500

_WATCH = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
# From the last of some events until the frame with the new numbers is painted, in milliseconds.
_TIMED = """([event, times]) => {
  window.took = new Promise((resolve) => {
    const changed = () => {
      if (--times) return;
      document.removeEventListener(event, changed, { capture: true });
      const start = performance.now();
      const painted = () => setTimeout(() => resolve(performance.now() - start));
      const answered = () => requestAnimationFrame(painted);
      document.addEventListener("shardplan:answer", answered, { once: true });
    };
    document.addEventListener(event, changed, { capture: true });
  });
}"""
_READY = "() => window.htmx && document.querySelector('#job[data-htmx-powered]')"
_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def measure(port: int) -> None:
    """Report the figures of the planner served on a port; says so where there is no browser."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None or not all((VENDOR / library.name).is_file() for library in LIBRARIES):
        report("planner in a browser", "not measured: needs Chromium and `make assets`")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for name, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
            _first_paint(browser, port, name, viewport)
        _edits(browser, port)
        browser.close()


def _first_paint(browser: Browser, port: int, name: str, viewport: dict[str, int]) -> None:
    paints, shifts = [], []
    for _ in range(LOADS):
        with _opened(browser, port, viewport) as page:
            page.wait_for_selector(".chart.drawn")
            page.wait_for_function(f"({_PAINT})() > 0")
            paints.append(page.evaluate(_PAINT) / 1_000)
            shifts.append(page.evaluate("shifts"))
    times = Times.of(paints)
    met = times.percentile(95) < AIM_PAINT_MS
    report(f"first contentful paint, {name}", _told(times), f"p95 < {AIM_PAINT_MS:g} ms", met)
    report(f"layout shift of a load, {name}", f"{max(shifts):.4f}", "0", max(shifts) == 0)


def _edits(browser: Browser, port: int) -> None:
    with _opened(browser, port, DESKTOP) as page:
        page.wait_for_function(_READY)
        page.wait_for_selector(".chart.drawn")
        for name, measured in (("edit", _edited(page)), ("keystroke", _typed(page))):
            times = Times.of(measured)
            met = times.percentile(95) < AIM_EDIT_MS
            report(f"{name} to new numbers", _told(times), f"p95 < {AIM_EDIT_MS:g} ms", met)
        shifted = page.evaluate("shifts")
        report("layout shift of all edits", f"{shifted:.4f}", "0", shifted == 0)


def _edited(page: Page) -> list[float]:
    """Seconds from a change to its numbers; the first round warms up and is not told."""
    page.locator("[name=offload][value=cpu]").check()  # as a round ends
    page.wait_for_timeout(PAUSE_MS)
    rounds = [
        [_edit(page, selector, keys.format(100 + number)) for selector, keys in EDITS]
        for number in range(1 + ROUNDS)
    ]
    return [seconds for found in rounds[1:] for seconds in found]


def _edit(page: Page, selector: str, keys: str) -> float:
    field = page.locator(selector)
    page.evaluate(_TIMED, ["change", 1])
    if not keys:
        field.check()
    elif keys.startswith("Arrow"):
        field.press(keys)
    else:
        field.select_text()
        page.keyboard.type(keys)
        page.keyboard.press("Tab")
    return _took(page)


def _typed(page: Page) -> list[float]:
    """Seconds from the last key of a number to its answer, the field not left."""
    found = []
    for number in range(4 * ROUNDS):
        text = str(1_200 + number)
        page.locator("#f-sequence_length").select_text()
        page.evaluate(_TIMED, ["input", len(text)])
        page.keyboard.type(text, delay=10)
        found.append(_took(page))
    return found


def _took(page: Page) -> float:
    milliseconds: float = page.evaluate("took")
    page.wait_for_timeout(PAUSE_MS)
    return milliseconds / 1_000


def _told(times: Times) -> str:
    return f"p50 {times.percentile(50):8.1f} ms   p95 {times.percentile(95):8.1f} ms   "


@contextmanager
def _opened(browser: Browser, port: int, viewport: dict[str, int]) -> Iterator[Page]:
    """The planner in a context of its own, with nothing cached."""
    context: BrowserContext = browser.new_context(viewport=viewport)  # type: ignore[arg-type]
    page = context.new_page()
    _serve_libraries(context, page)
    page.add_init_script(_WATCH)
    page.goto(f"http://127.0.0.1:{port}/", wait_until="load")
    try:
        yield page
    finally:
        context.close()


def _serve_libraries(context: BrowserContext, page: Page) -> None:
    """Answer for the CDN, from the packages that `make assets` installs; stop no other request."""
    session = context.new_cdp_session(page)

    def answer(paused: dict[str, Any]) -> None:
        file = VENDOR / paused["request"]["url"].rsplit("/", 1)[-1]
        headers = {"Access-Control-Allow-Origin": "*", "Content-Type": "text/javascript"}
        session.send(
            "Fetch.fulfillRequest",
            {
                "requestId": paused["requestId"],
                "responseCode": 200,
                "responseHeaders": [{"name": n, "value": v} for n, v in headers.items()],
                "body": base64.b64encode(file.read_bytes()).decode(),
            },
        )

    session.on("Fetch.requestPaused", answer)
    session.send("Fetch.enable", {"patterns": [{"urlPattern": f"{CDN}/*"}]})
