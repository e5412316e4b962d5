"""Scripts as text, in every field and every sink, in a real browser: none runs.

The browser is told to ignore the content security policy, so that escaping alone is what holds;
then again with the policy, which must have nothing to report.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Browser, Dialog, Page
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from app.http.security_headers import CDN
from tests.browser.conftest import browser, from_packages  # noqa: F401 - a fixture
from tests.factories import LLAMA_CONFIG, Json
from tests.soak.payloads import PAYLOADS, texts
from tests.soak.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES_WITH_FIELDS = (
    "/",
    "/models",
    "/models/import",
    "/gpus",
    "/systems",
    "/compare",
    "/bulk",
    "/accuracy",
    "/accuracy/comparisons",
    "/frameworks",
    "/formulas",
    "/claims",
    "/guides",
    "/profiles",
    "/plans",
    "/hardware-profiles/new",
    "/model-profiles/new",
    "/sign-in",
)
# Documents that take text which no form on these pages has.
ADDRESSES = (
    "/nothing/{}",
    "/models/{}/{}",
    "/plans/{}",
    "/s/{}",
    "/guides/{}",
    "/api/v1/models/{}",
    "/api/v1/plans/{}",
    "/api/v1/shares/{}",
    "/api/v1/accuracy?family={}&{}={}",
    "/api/v1/plans?cursor={}",
    "/sign-in?next={}",
)
INIT = """
window.violations = [];
addEventListener('securitypolicyviolation', (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
# What no page of ours has, so that markup which came from a text shows even if it did nothing yet.
FOREIGN = """() => [...document.querySelectorAll('*')].flatMap((element) => [
  ...[...element.attributes]
    .filter(({name, value}) => /^on|^(data-)?hx-on/.test(name) || /^\\s*javascript:/i.test(value)
      && /^(href|src|action|formaction|data|xlink:href)$/.test(name))
    .map(({name, value}) => `${element.tagName} ${name}=${value}`),
  ...(element.tagName === 'SCRIPT' && !element.src && !/json/.test(element.type)
    ? [`SCRIPT ${element.textContent.slice(0, 80)}`] : []),
  ...(/^(IFRAME|OBJECT|EMBED|BASE|MARQUEE|MATH)$/i.test(element.tagName) ? [element.tagName] : []),
])"""
FIELDS = """() => [...document.forms].map((form, index) => ({
  index,
  method: form.method,
  action: form.getAttribute('action') || location.pathname,
  names: [...new Set([...form.elements].filter((e) => e.name && e.type !== 'file')
    .map((e) => e.name))],
}))"""
SUBMIT = """([index, payload]) => {
  const form = document.forms[index];
  for (const field of form.elements) {
    if (!field.name || field.type === 'hidden' || field.type === 'file') continue;
    if (field.tagName === 'SELECT') field.add(new Option(payload, payload, true, true));
    else if (field.tagName === 'TEXTAREA') field.value = payload;
    else if (field.tagName === 'INPUT') { field.type = 'text'; field.value = payload; }
  }
  HTMLFormElement.prototype.submit.call(form);
}"""


@dataclass
class Tab:
    """A page that notices whatever runs, whatever is asked, and whatever markup is not ours."""

    page: Page
    hits: list[str] = field(default_factory=list)
    loads: int = 0

    def dismiss(self, dialog: Dialog) -> None:
        self.hits.append(f"{dialog.type} {dialog.message!r}")
        dialog.dismiss()

    def look(self, payload: str) -> None:
        """Judges the document that is open."""
        self.loads += 1
        found = self.page.evaluate(FOREIGN)
        assert found == [], f"{payload!r} at {self.page.url}"
        assert self.page.evaluate("window.violations") == [], f"{payload!r} at {self.page.url}"
        assert self.hits == [], f"{payload!r} at {self.page.url}"

    def visit(self, address: str, payload: str) -> None:
        answer = self.page.goto(address, wait_until="load")
        assert answer is not None
        assert answer.status < 500, f"{payload!r} at {address}"
        self.look(payload)

    def submit(self, address: str, index: int, payload: str) -> None:
        """Fills all fields of a form with one text and sends it as a browser without scripts."""
        self.page.goto(address, wait_until="load")
        with self.page.expect_navigation(wait_until="load"):
            self.page.evaluate(SUBMIT, [index, payload])
        self.look(payload)


@pytest.fixture(params=["without the policy", "with the policy"])
def tab(request: pytest.FixtureRequest, browser: Browser, server: Server) -> Iterator[Tab]:  # noqa: F811
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{server.port}",
        bypass_csp=request.param == "without the policy",
        accept_downloads=False,
    )
    context.set_default_timeout(30_000)
    context.route(re.compile(re.escape(CDN)), from_packages)
    context.add_init_script(INIT)
    tab = Tab(context.new_page())
    context.expose_function("xss", lambda: tab.hits.append(f"xss() at {tab.page.url}"))
    tab.page.on("dialog", tab.dismiss)
    yield tab
    context.close()


@pytest.fixture
def groups(
    request: pytest.FixtureRequest, size: Callable[[int, int], int]
) -> list[tuple[str, ...]]:
    """All of them without the policy, where it matters; some with it."""
    step = 1 if "without" in request.node.callspec.id else 5
    return texts()[:: size(9, 1) * step]


def made(server: Server, path: str, document: Json) -> str | None:
    """The id of a new object; None where the text is not taken, which is told in a problem."""
    answer = server.request("POST", f"/api/v1/{path}", document)
    if answer.status == 422:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        return None
    assert answer.status == 201, answer.body
    return str(answer.json()["id"])


def test_there_are_more_than_a_hundred_payloads() -> None:
    assert len(set(PAYLOADS)) > 100
    assert sorted(payload for group in texts() for payload in group) == sorted(PAYLOADS)


def test_no_text_that_is_kept_runs_on_a_page_in_the_chart_or_in_a_file(
    tab: Tab, server: Server, groups: list[tuple[str, ...]], figure: Callable[[str], None]
) -> None:
    kept = 0
    for group in groups:
        payload = " ".join(group)
        texts = {"name": payload, "notes": f"{payload}\n{payload}"}
        hardware = made(server, "hardware-profiles", {**texts, "gpu": "h100-80-sxm"})
        config = {**LLAMA_CONFIG, "_name_or_path": payload, "architectures": [payload]}
        model = made(server, "model-profiles", {**texts, "config": config})
        if hardware is None or model is None:
            continue
        kept += len(group)
        job = {"model": {"profile": model}, "hardware": {"profile": hardware}}
        request = {**job, "training": {"sequence_length": 512}}
        plan = made(server, "plans", {"name": payload, "request": request})
        share = server.request("POST", f"/api/v1/plans/{plan}/shares", {}).json()
        for address in (
            f"/plans/{plan}",
            f"/plans/{plan}/versions/1",
            f"/plans/{plan}/recalculation",
            f"/s/{share['token']}",
            f"/?{urlencode({'model': model, 'gpu': hardware})}",
            f"/hardware-profiles/{hardware}",
            f"/hardware-profiles/{hardware}/delete",
            f"/model-profiles/{model}",
        ):
            tab.visit(address, payload)
        tab.page.goto(f"/plans/{plan}")
        tab.page.wait_for_selector(".chart.drawn, [data-chart].drawn")
        tab.look(payload)
        files_hold_it_as_text(server, str(plan))
    for address in ("/plans", "/profiles", "/", "/compare"):
        tab.visit(address, "all of them")
    assert kept >= sum(map(len, groups)) * 0.9
    figure(f"{kept} payloads in names, notes and configs: {tab.loads} documents, 0 executed")


def files_hold_it_as_text(server: Server, plan: str) -> None:
    exported = {
        kind: server.request("GET", f"/plans/{plan}/export.{kind}") for kind in ("csv", "pdf")
    }
    for answer in exported.values():
        assert answer.status == 200
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
    rows = csv.reader(io.StringIO(exported["csv"].body.decode("utf-8-sig")))
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if re.match(r"[=@\t\r]|[+-](?![\d.]+$)", cell)]
    reader = PdfReader(io.BytesIO(exported["pdf"].body))
    objects = [reader.get_object(number) for number in reader.xref[0]]
    dictionaries = [found for found in objects if isinstance(found, DictionaryObject)]
    assert len(dictionaries) > 5
    assert not [found for found in dictionaries if found.keys() & {"/JS", "/AA", "/Launch"}]
    actions = [found["/A"].get_object() for found in dictionaries if "/A" in found]
    assert all(isinstance(action, DictionaryObject) for action in actions)
    links = [str(action.get("/URI")) for action in actions if isinstance(action, DictionaryObject)]
    assert all(link.startswith("http") for link in links), links


def test_no_text_that_is_sent_runs_in_the_answer(
    tab: Tab, groups: list[tuple[str, ...]], figure: Callable[[str], None]
) -> None:
    queries: dict[str, set[str]] = {}  # names by address
    forms: dict[tuple[str, tuple[str, ...]], tuple[str, int]] = {}  # a page and its form's index
    for address in PAGES_WITH_FIELDS:
        tab.page.goto(address, wait_until="load")
        for form in tab.page.evaluate(FIELDS):
            action = form["action"].partition("?")[0]
            if form["method"] == "get":
                queries.setdefault(action, set()).update(form["names"])
            elif form["names"] and action != "/theme":
                forms.setdefault((action, tuple(form["names"])), (address, form["index"]))
    fields = sum(map(len, queries.values())) + sum(len(names) for _, names in forms)
    assert fields > 40
    for payload in map(" ".join, groups):
        for address, names in queries.items():
            tab.visit(f"{address}?{urlencode(dict.fromkeys(sorted(names), payload))}", payload)
        for address, index in forms.values():
            tab.submit(address, index, payload)
        for address in ADDRESSES:
            tab.visit(address.replace("{}", quote(payload, safe="")), payload)
    count = sum(map(len, groups))
    figure(
        f"{count} payloads in {fields} fields of {len(queries) + len(forms)} forms and "
        f"{len(ADDRESSES)} addresses: {tab.loads} documents, 0 executed"
    )
