from __future__ import annotations

import json
import logging

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.http.logs import JsonFormatter, TextFormatter, configure_logging
from app.http.request_id import RequestIdFilter
from app.main import create_app
from app.settings import Settings
from tests.factories import new_plan


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "app.access")
    caplog.handler.addFilter(RequestIdFilter())
    return caplog


def test_an_answer_is_one_line_with_its_template_status_and_time(
    client: TestClient, log: pytest.LogCaptureFixture
) -> None:
    client.get("/api/v1/plans/pl_secret?cursor=secret", headers={"X-Request-ID": "reference-1"})

    (record,) = (r for r in log.records if r.name == "app.access")
    line = json.loads(JsonFormatter().format(record))
    assert line["request_id"] == "reference-1"
    assert (line["method"], line["route"]) == ("GET", "/api/v1/plans/{plan_id}")
    assert line["status"] in (404, 422)
    assert 0 < line["duration_ms"] < 10_000
    assert line["time"].endswith("+00:00")


def test_neither_tokens_nor_queries_nor_bodies_reach_the_log(
    client: TestClient, log: pytest.LogCaptureFixture
) -> None:
    address = client.post("/api/v1/plans", json=new_plan(name="body secret")).headers["location"]
    token = client.post(f"{address}/shares", json={}).json()["token"]
    client.get(f"/s/{token}")
    client.get(f"/api/v1/shares/{token}")
    client.get(f"/nowhere/{token}?q={token}", headers={"Authorization": f"Bearer {token}"})

    ours = [r for r in log.records if r.name.startswith(("app", "uvicorn"))]
    text = "\n".join(JsonFormatter().format(record) for record in ours)
    assert "/s/{token}" in text
    assert token not in text
    assert "body secret" not in text


def test_a_line_names_the_key_that_asked_and_not_what_it_sent(
    settings: Settings, log: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings.model_copy(update={"access": "keys"}))
    with TestClient(app) as client:
        made = app.state.services.access.create_key("Quoting tool", "Sales", "read")
        for key in (made.secret, "shardplan_wrong"):
            client.get("/api/v1/strategies", headers={"Authorization": f"Bearer {key}"})

    known, unknown = [r for r in log.records if r.name == "app.access"]
    assert json.loads(JsonFormatter().format(known))["key"] == made.id
    assert known.getMessage().endswith(f" ms by {made.id}")
    assert "key" not in json.loads(JsonFormatter().format(unknown))
    assert made.secret not in log.text


def test_probes_do_not_bury_the_other_lines(
    client: TestClient, log: pytest.LogCaptureFixture
) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        client.get(path)

    assert {r.levelno for r in log.records if r.name == "app.access"} == {logging.DEBUG}


def test_a_crash_is_logged_as_500_with_its_traceback_in_the_same_line(
    app: FastAPI, client: TestClient, log: pytest.LogCaptureFixture
) -> None:
    def crash() -> None:
        raise RuntimeError("inside")

    app.add_api_route("/api/v1/crash", crash)
    client.get("/api/v1/crash")

    texts = [JsonFormatter().format(r) for r in log.records if r.name.startswith("app")]
    assert all("\n" not in text for text in texts)
    documents = [json.loads(text) for text in texts]
    assert any("RuntimeError: inside" in line.get("exception", "") for line in documents)
    assert documents[-1]["status"] == 500
    assert len({line["request_id"] for line in documents}) == 1


@pytest.mark.parametrize(("log_format", "starts"), [("json", "{"), ("text", "20")])
def test_the_setting_chooses_the_format(
    log_format: str, starts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    try:
        configure_logging(log_format)  # type: ignore[arg-type]
        logging.getLogger("app.access").info("hello")
    finally:
        root.handlers, root.level = handlers, level

    assert capsys.readouterr().err.startswith(starts)


def test_what_a_caller_wrote_cannot_pose_as_a_line_of_its_own() -> None:
    record = logging.LogRecord("app", logging.ERROR, "", 0, "%s", ("a\nb\r\x1b[2J\u2028c",), None)

    text = TextFormatter("%(message)s").format(record)

    assert text == "a\n    b\\r\\x1b[2J\\u2028c"
