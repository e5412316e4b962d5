from __future__ import annotations

import hashlib

import pytest

from app.services.ids import is_id, is_token, new_id, new_token, token_hash


def test_new_ids_and_tokens_are_recognised_and_differ() -> None:
    ids, tokens = {new_id("pl") for _ in range(100)}, {new_token() for _ in range(100)}

    assert len(ids) == len(tokens) == 100
    assert all(map(is_id, ids))
    assert all(map(is_token, tokens))


@pytest.mark.parametrize("other", ["", "pl_", "pl_0123", "PL_0123456789abcdef", "pl_" + "0" * 17])
def test_anything_else_is_no_id(other: str) -> None:
    assert not is_id(other)
    assert not is_token(other)


def test_a_token_is_stored_as_its_sha256() -> None:
    assert token_hash("token") == hashlib.sha256(b"token").hexdigest()
