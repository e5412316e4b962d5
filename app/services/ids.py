"""Ids and link tokens."""

from __future__ import annotations

import hashlib
import re
import secrets

_ID = re.compile(r"[a-z]{2}_[0-9a-f]{16}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


def new_id(prefix: str) -> str:
    """A random id of 64 bits; the two-letter prefix says what it names."""
    return f"{prefix}_{secrets.token_hex(8)}"


def is_id(value: str) -> bool:
    """Whether `new_id` could have made it; nothing else needs to be looked up."""
    return _ID.fullmatch(value) is not None


def new_token() -> str:
    """A link token of 192 bits."""
    return secrets.token_urlsafe(24)


def is_token(value: str) -> bool:
    """Whether `new_token` could have made it."""
    return _TOKEN.fullmatch(value) is not None


def token_hash(token: str) -> str:
    """What is stored of a token: its SHA-256. A token is random, so it needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()
