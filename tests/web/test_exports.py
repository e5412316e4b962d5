"""Files to take away: the page's and the API's numbers, safe names, every character shown."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from pypdf import PdfReader
from starlette.testclient import TestClient

from app.services.planning import Planner
from app.web.export_rows import HEADER
from app.web.pdf import fonts
from tests.factories import estimate_request, merged, new_plan

QUERY = "model=meta-llama/Llama-3.2-1B&gpu=h100-80-sxm&gpus_per_node=2&sequence_length=512"
NAMES = "Müller & Søn, Ελλάς, Привет, 富士通, 삼성, مرحبا"
MORE_NAMES = "东京 テスト 华为 नमस्ते ไทย"
FONTS_INSTALLED = (fonts.FOLDER / fonts.MAIN).is_dir()


def pdf_text(content: bytes) -> str:
    pages = PdfReader(io.BytesIO(content)).pages
    assert 1 <= len(pages) <= 2
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def csv_rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def saved(client: TestClient, **changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = client.post("/api/v1/plans", json=new_plan(**changes)).json()
    return document


def test_a_what_if_has_the_same_numbers_in_every_format(client: TestClient) -> None:
    table = csv_rows(client.get(f"/export.csv?{QUERY}").content)
    document = client.get(f"/export.json?{QUERY}").json()
    told = client.post("/api/v1/estimates", json=document["request"]).json()
    assert document["result"]["estimate"]["estimates"] == told["estimates"]
    assert [row["strategy"] for row in table] == [e["strategy"] for e in told["estimates"]]
    for row, estimate in zip(table, told["estimates"], strict=True):
        if estimate["peak"] is None:
            assert row["peak_allocated_bytes"] == ""
            continue
        assert int(row["peak_allocated_bytes"]) == estimate["peak"]["allocated_bytes"]
        assert int(row["headroom_bytes"]) == estimate["headroom_bytes"]
        parts = [int(row[name]) for name in HEADER if name in {f"{g}_bytes" for g in GROUPS}]
        assert sum(parts) == estimate["peak"]["allocated_bytes"]


GROUPS = (
    "weights", "gradients", "optimizer_states", "activations", "logits_and_loss", "buffers",
)  # fmt: skip


def test_the_pdf_says_what_the_page_says(client: TestClient) -> None:
    file = client.get(f"/export.pdf?{QUERY}")
    assert file.headers["content-type"] == "application/pdf"
    text = pdf_text(file.content)
    page = client.get(f"/?{QUERY}").text
    headline = re.search(r'<h2 id="headline"[^>]*>([^<]+)<', page)
    assert headline is not None
    assert headline[1].strip() in text
    totals = re.findall(r'class="row-total">([\d.,]+ GiB)<', page)
    assert totals
    assert [total for total in totals if total not in text] == []
    assert "Not measured" in text or "measured runs" in text
    assert "http://127.0.0.1/?model=" in text.replace(" ", "")


def test_a_saved_plan_is_exported_as_it_was_stored(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = saved(client)
    share = client.post(f"/api/v1/plans/{plan['id']}/shares", json={}).json()
    monkeypatch.delattr(Planner, "plan")
    peak = plan["result"]["estimate"]["estimates"][0]["peak"]["allocated_bytes"]
    for place in (f"/plans/{plan['id']}", f"/s/{share['token']}"):
        assert csv_rows(client.get(f"{place}/export.csv").content)[0][
            "peak_allocated_bytes"
        ] == str(peak)
        text = pdf_text(client.get(f"{place}/export.pdf").content)
        assert f"{peak / 2**30:.1f} GiB" in text
        assert f"{plan['id']}, version 1" in text
        assert client.get(f"{place}/export.json").json()["result"] == plan["result"]


def test_a_shared_file_names_the_links_end_and_leads_back_to_it(client: TestClient) -> None:
    plan = saved(client)
    share = client.post(f"/api/v1/plans/{plan['id']}/shares", json={}).json()
    text = pdf_text(client.get(f"/s/{share['token']}/export.pdf").content)
    assert "Link expires" in text
    assert f"/s/{share['token']}" in text.replace(" ", "")


@pytest.mark.skipif(not FONTS_INSTALLED, reason="the fonts are not installed (make assets)")
def test_a_customers_name_is_shown_in_its_own_letters(client: TestClient) -> None:
    plan = saved(client, name=NAMES)
    text = pdf_text(client.get(f"/plans/{plan['id']}/export.pdf").content)
    for word in ("Müller", "Ελλάς", "Привет", "富士通", "삼성"):
        assert word in text
    assert not fonts.typefaces(NAMES + MORE_NAMES).missing


def test_without_any_font_the_file_still_comes_and_says_what_it_lacks(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "_packaged", lambda: ())
    monkeypatch.setattr(fonts, "_system", lambda: ())
    plan = saved(client, name="Møller 富士通")
    text = pdf_text(client.get(f"/plans/{plan['id']}/export.pdf").content)
    assert "Møller ???" in text
    assert "Some characters have no font here" in text


def test_a_name_cannot_run_as_a_formula_or_break_the_header(client: TestClient) -> None:
    name = '=HYPERLINK("http://x"); filename="evil.exe'
    plan = saved(client, name=name)
    file = client.get(f"/plans/{plan['id']}/export.csv")
    assert csv_rows(file.content)[0]["plan"] == f"'{name}"
    disposition = file.headers["content-disposition"]
    ascii_name = re.match(r'attachment; filename="([a-z0-9.-]+)"; filename\*=', disposition)
    assert ascii_name is not None
    assert ascii_name[1].endswith(".csv")
    assert '"' not in disposition.split("filename*=")[1]


def test_a_name_without_a_latin_letter_still_makes_a_file_name(client: TestClient) -> None:
    plan = saved(client, name="富士通")
    disposition = client.get(f"/plans/{plan['id']}/export.csv").headers["content-disposition"]
    assert 'filename="shardplan.csv"' in disposition
    assert "UTF-8''%E5%AF%8C" in disposition


def test_a_bad_what_if_leads_to_the_planner_and_a_bad_format_to_nothing(
    client: TestClient,
) -> None:
    answer = client.get("/export.pdf?gpus_per_node=many", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?gpus_per_node=many")
    assert client.get("/export.exe").status_code in (404, 422)
    assert client.get("/plans/pl_nothing/export.pdf").status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"hardware": {"gpu": "rtx4090"}, "model": {"id": "meta-llama/Llama-3.1-70B"}},
        {"training": {"method": "qlora"}, "hardware": {"gpus_per_node": 1}},
        {
            "model": {"id": "meta-llama/Llama-3.1-70B"},
            "hardware": {"gpu": "h200-141-sxm", "gpus_per_node": 8},
            "training": {"sequence_length": 8192},
        },
        {
            "model": {"id": "mistralai/Mixtral-8x7B-v0.1"},
            "hardware": {"gpus_per_node": 8, "nodes": 2},
            "training": {"activation_checkpointing": False},
        },
    ],
)
def test_every_kind_of_answer_makes_one_or_two_pages(
    client: TestClient, change: dict[str, Any]
) -> None:
    request = merged(estimate_request(), change)
    del request["strategies"]
    plan = client.post("/api/v1/plans", json={"name": "Plan", "request": request}).json()
    assert plan["headline"] in pdf_text(client.get(f"/plans/{plan['id']}/export.pdf").content)
