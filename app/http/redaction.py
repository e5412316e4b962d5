"""What lets somebody in does not get into the log: tokens of links, keys, sign-ins.

Our own lines name routes by their template. These rules are for what others write: a server's
access log, a library's message, a traceback.
"""

from __future__ import annotations

import logging
import re

from app.services.access import KEY_PREFIX

REDACTED = "[redacted]"


def _spelled(text: str) -> str:
    """A pattern for `text` with any of its characters percent-encoded, even several times over."""
    return "".join(f"(?:{re.escape(c)}|%(?:25)*{ord(c):02x})" for c in text)


# Everything after the last of these, up to what cannot stand in a part of a path.
_LINKS = re.compile(
    rf"((?:{_spelled('/s')}|{_spelled('/shares')})(?:{_spelled('/')})+)[^\s\"'<>?#&/]+",
    re.IGNORECASE,
)
_KEYS = re.compile(rf"({_spelled(KEY_PREFIX)})[A-Za-z0-9_%-]+", re.IGNORECASE)
_COOKIES = re.compile(r"((?:__Host-shardplan|fresh_link)=)[^\s;,\"']+", re.IGNORECASE)


def redacted(text: str) -> str:
    """`text` without what follows `/s/`, without keys and without sign-ins."""
    for pattern in (_LINKS, _KEYS, _COOKIES):
        text = pattern.sub(rf"\g<1>{REDACTED}", text)
    return text


class RedactingFilter(logging.Filter):
    """Redacts a record's message, its arguments and its traceback; never drops it."""

    _formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redacted(str(record.msg))
        if isinstance(record.args, dict):
            record.args = {name: _shown(value) for name, value in record.args.items()}
        elif record.args:
            record.args = tuple(_shown(value) for value in record.args)
        if record.exc_info and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        return True


def _shown(value: object) -> object:
    """Numbers stay what they are, because formats ask for them."""
    return value if isinstance(value, (int, float)) else redacted(str(value))


def redact_server_logs() -> None:
    """Redacts what uvicorn logs, its access log too, should somebody switch that on."""
    for name in ("uvicorn", "uvicorn.access", "uvicorn.error"):
        logger = logging.getLogger(name)
        if not any(isinstance(known, RedactingFilter) for known in logger.filters):
            logger.addFilter(RedactingFilter())
