from __future__ import annotations

import pytest

from app.http.dependencies import etag, parse_if_match
from app.services.concurrency import IfMatch
from app.services.errors import PreconditionRequired


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        ('"1"', {1}),
        (' "1" , "22" ', {1, 22}),
        ('W/"1"', set()),
        ('W/"1", "2"', {2}),
        ('"one"', set()),
        ("1", set()),
        ("", set()),
        ('"0"', set()),
        ('"01"', set()),
        ('"99999999999999999999999999"', set()),
    ],
)
def test_if_match_names_the_versions_that_were_seen(header: str, versions: set[int]) -> None:
    assert parse_if_match(header) == IfMatch(frozenset(versions))


def test_a_star_is_whichever_version_is_current() -> None:
    assert parse_if_match("*") == IfMatch(None)


def test_no_if_match_is_asked_for() -> None:
    with pytest.raises(PreconditionRequired, match="Send If-Match"):
        parse_if_match(None)


def test_an_etag_is_read_back() -> None:
    assert parse_if_match(etag(7)) == IfMatch(frozenset({7}))
