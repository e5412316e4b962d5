"""Lines of the log: for people, or JSON for programs that collect them."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Literal

from app.http.redaction import RedactingFilter
from app.http.request_id import RequestIdFilter

LogFormat = Literal["text", "json"]

_TEXT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
# What a call of the log may add to its line; everything else on a record is Python's own.
_FIELDS = ("method", "route", "status", "duration_ms", "key")


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        values = vars(record)
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "request_id": values.get("request_id", "-"),
            "message": record.getMessage(),
        }
        line |= {name: values[name] for name in _FIELDS if name in values}
        if record.exc_info:
            line["exception"] = record.exc_text or self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """A record as text whose further lines are indented: no text in it can pose as another record.

    Characters that steer terminals are written as Python would write them in a string.
    """

    def format(self, record: logging.LogRecord) -> str:
        return _STEERING.sub(lambda found: ascii(found[0])[1:-1], super().format(record)).replace(
            "\n", "\n    "
        )


def configure_logging(log_format: LogFormat) -> None:
    """Sends every logger's lines to standard error, each with the id of its request."""
    handler = logging.StreamHandler()
    handler.addFilter(RequestIdFilter())
    handler.addFilter(RedactingFilter())
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(_TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
