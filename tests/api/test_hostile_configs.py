"""Whatever stands in a posted config.json, the answer names the field at fault."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient

from tests.factories import LLAMA_CONFIG

JSON = {"Content-Type": "application/json"}
HOSTILE = [
    "true", '"64"', "-1", "0", "1e308", "1e999", "NaN", "-Infinity", "1" + "0" * 400, "[64]",
    '{"a": 1}', "1.5", "1000000000", "[" * 64 + "]" * 64, '"\\ud800"',
]  # fmt: skip


@pytest.mark.parametrize("key", ["num_hidden_layers", "hidden_size", "vocab_size"])
def test_a_hostile_dimension_is_answered_at_its_field(client: TestClient, key: str) -> None:
    rest = json.dumps({name: value for name, value in LLAMA_CONFIG.items() if name != key})[:-1]
    for value in HOSTILE:
        body = (
            f'{{"model": {{"config": {rest}, "{key}": {value}}}}}, '
            '"hardware": {"gpu": "h100-80-sxm"}, "strategies": ["zero3"]}'
        )
        answer = client.post("/api/v1/estimates", content=body, headers=JSON)
        assert answer.status_code == 422, value
        pointers = [error["pointer"] for error in answer.json()["errors"]]
        assert all(pointer.startswith(f"/model/config/{key}") for pointer in pointers), value


def test_an_integer_of_thousands_of_digits_is_refused(client: TestClient) -> None:
    body = '{"model": {"config": {"hidden_size": 1' + "0" * 5_000 + "}}}"
    answer = client.post("/api/v1/estimates", content=body, headers=JSON)
    assert answer.status_code == 400
    assert "numbers of reasonable length" in answer.json()["detail"]
