from __future__ import annotations

import io
import logging
from urllib.parse import quote

import pytest

from app.http.redaction import RedactingFilter, redact_server_logs, redacted

TOKEN = "aB3-_" + "x" * 27


def encoded(text: str) -> str:
    """Every character percent-encoded."""
    return "".join(f"%{ord(character):02X}" for character in text)


@pytest.mark.parametrize(
    "text",
    [
        f"GET /s/{TOKEN} HTTP/1.1",
        f"GET /api/v1/shares/{TOKEN} HTTP/1.1",
        f'"https://shardplan.example/s/{TOKEN}?strategy=zero3"',
        f"GET /theme?next={quote(f'/s/{TOKEN}', safe='')} HTTP/1.1",
        f"next=%252Fs%252F{TOKEN}",
        f"GET {encoded('/s/')}{encoded(TOKEN)} HTTP/1.1",
        f"GET /%73/{TOKEN}",
        f"GET /S/{TOKEN}",
        f"//s//{TOKEN}",
        f"Authorization: Bearer shardplan_{TOKEN}",
        f"key=shardplan%5F{TOKEN}&next=/",
        f"Cookie: theme=dark; __Host-shardplan={TOKEN}; a=b",
        f"fresh_link=sh_0123456789abcdef.{TOKEN}",
    ],
)
def test_a_token_is_taken_out_of_any_form_of_it(text: str) -> None:
    shown = redacted(text)

    assert TOKEN not in shown
    assert encoded(TOKEN) not in shown
    assert "[redacted]" in shown


@pytest.mark.parametrize(
    "text",
    ["GET /plans/pl_0123456789abcdef 200", "GET /systems?x=1", "plans/s", "12 shares of pl_1", ""],
)
def test_everything_else_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.fixture
def lines() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(lines: io.StringIO) -> logging.Logger:
    logger = logging.getLogger("tests.redaction")
    logger.handlers = [logging.StreamHandler(lines)]
    logger.handlers[0].addFilter(RedactingFilter())
    logger.propagate = False
    return logger


def test_arguments_and_tracebacks_are_redacted_too(log: logging.Logger, lines: io.StringIO) -> None:
    try:
        raise ValueError(f"no such path /s/{TOKEN}")
    except ValueError:
        log.exception("%s %d", f"/s/{TOKEN}", 404)
    log.warning("%(path)s", {"path": f"/s/{TOKEN}"})

    assert TOKEN not in lines.getvalue()
    assert "ValueError: no such path /s/[redacted]" in lines.getvalue()


def test_a_number_is_still_one_for_its_format(log: logging.Logger, lines: io.StringIO) -> None:
    log.warning("%d %.1f", 404, 1.25)

    assert lines.getvalue() == "404 1.2\n"


def test_the_servers_own_access_log_is_redacted_should_it_be_on(lines: io.StringIO) -> None:
    redact_server_logs()
    redact_server_logs()
    logger = logging.getLogger("uvicorn.access")
    handler = logging.StreamHandler(lines)
    logger.addHandler(handler)
    try:
        form = '%s - "%s %s HTTP/%s" %d'
        logger.warning(form, "127.0.0.1:1", "GET", f"/s/{TOKEN}", "1.1", 200)
    finally:
        logger.removeHandler(handler)

    assert lines.getvalue() == '127.0.0.1:1 - "GET /s/[redacted] HTTP/1.1" 200\n'
    assert sum(isinstance(known, RedactingFilter) for known in logger.filters) == 1
