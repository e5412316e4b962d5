from __future__ import annotations

import pytest
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from app.domain.errors import InvalidInput
from app.http.json_body import check_json
from app.schemas.json_text import MAX_DEPTH
from tests.factories import estimate_request

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"a": NaN}', "/a"),
        (b'{"a": [0, -Infinity]}', "/a/1"),
        (b'{"a": {"b/c~d": 1e999}}', "/a/b~1c~0d"),
        (b"Infinity", ""),
    ],
)
def test_a_number_that_is_not_finite_is_pointed_at(body: bytes, pointer: str) -> None:
    with pytest.raises(InvalidInput) as error:
        check_json(body)

    assert error.value.errors[0] == (pointer, "Use a finite number.")


def test_nesting_is_bounded() -> None:
    check_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)

    with pytest.raises(InvalidInput, match=f"Nest at most {MAX_DEPTH} levels"):
        check_json(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    with pytest.raises(InvalidInput, match="Nest at most"):
        check_json(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)


@pytest.mark.parametrize("body", [b'{"a": "\\ud800"}', b'{"\\ud800": 1}'])
def test_half_a_character_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="complete characters"):
        check_json(body)


def test_a_whole_character_is_accepted_however_it_is_escaped() -> None:
    check_json(b'{"a": "\\ud83d\\ude00", "\xc3\xa4": "\xf0\x9f\x98\x80"}')


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'a': 1}",
        b'{"a": 1} x',
        b"\xff\xfe",
        b"1" * 5_000,
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-16-le"),
        '{"a": 1}'.encode("utf-32"),
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(HTTPException, match="The body is not JSON") as error:
        check_json(body)

    assert error.value.status_code == 400


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "json"]
)
def test_another_content_type_is_415_with_the_remedy(
    client: TestClient, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}

    response = client.post("/api/v1/estimates", content=b"{}", headers=headers)

    assert response.status_code == 415
    assert "Content-Type: application/json" in response.json()["detail"]
    assert response.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/x+json"]
)
def test_json_under_any_of_its_names_is_read(client: TestClient, content_type: str) -> None:
    headers = {"Content-Type": content_type}

    assert client.post("/api/v1/estimates", content=b"{}", headers=headers).status_code == 422


def test_a_body_in_pieces_is_put_together(client: TestClient) -> None:
    whole = client.post("/api/v1/estimates", json=estimate_request())
    pieces = (whole.request.content[i : i + 7] for i in range(0, len(whole.request.content), 7))

    response = client.post("/api/v1/estimates", content=pieces, headers=JSON)

    assert (response.status_code, response.content) == (200, whole.content)


def test_no_body_where_one_is_needed_is_a_bad_request(client: TestClient) -> None:
    response = client.post("/api/v1/estimates")

    assert response.status_code == 422
    assert response.json()["errors"] == [
        {"pointer": "", "detail": "Send a JSON object as the body."}
    ]


def test_a_key_that_stands_twice_in_one_object_is_refused_at_its_place(client: TestClient) -> None:
    body = b'{"model": {"config": {"hidden_size": 64, "hidden_size": 128}}}'

    response = client.post("/api/v1/estimates", content=body, headers=JSON)

    assert response.status_code == 422
    assert response.json()["errors"] == [
        {
            "pointer": "/model/config/hidden_size",
            "detail": "hidden_size stands there more than once: keep one.",
        }
    ]
