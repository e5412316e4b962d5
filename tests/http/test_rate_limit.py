from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.http.access import address_of
from app.http.rate_limit import IN_PROCESS, RateLimiter
from app.main import create_app
from app.settings import Settings
from tests.conftest import ADDRESS
from tests.redis import free_port, redis_server


def limiter(url: str = IN_PROCESS) -> RateLimiter:
    return RateLimiter(url, per_key="3/hour", per_address="2/hour")


def accepted(limiter: RateLimiter, key: str, times: int) -> int:
    """How many of these requests got through."""
    count = 0
    for _ in range(times):
        with suppress(HTTPException):
            limiter.count_key(key)
            count += 1
    return count


def test_a_key_may_ask_as_often_as_it_may_and_no_more() -> None:
    counter = limiter()

    assert accepted(counter, "ak_1", 5) == 3
    assert accepted(counter, "ak_2", 5) == 3


def test_the_refusal_says_when_to_come_back() -> None:
    counter = limiter()
    counter.count_address("10.0.0.1")
    counter.count_address("10.0.0.1")

    with pytest.raises(HTTPException, match="more than 2 requests per hour") as refusal:
        counter.count_address("10.0.0.1")

    assert refusal.value.headers is not None
    assert 1 <= int(refusal.value.headers["Retry-After"]) <= 3_600


def test_processes_count_together_in_redis() -> None:
    with redis_server(free_port()) as url:
        first, second = limiter(url), limiter(url)

        assert accepted(first, "ak_1", 2) + accepted(second, "ak_1", 2) == 3


def test_while_redis_is_away_each_process_counts_for_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    counter = limiter(f"redis://127.0.0.1:{port}/0")

    assert accepted(counter, "ak_1", 9) == 3
    assert caplog.text.count("does not answer") == 1  # and is not asked again at once

    monkeypatch.setattr("app.http.rate_limit._RETRY_SECONDS", 0.0)
    counter._ask_again_at = 0.0
    with redis_server(port):
        assert accepted(counter, "ak_1", 9) == 3


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.7"),
        ("testclient", "testclient"),
    ],
)
def test_of_ipv6_a_whole_network_is_one_address(host: str, counted: str) -> None:
    assert address_of({"type": "http", "client": (host, 1)}) == counted


def test_a_unix_socket_has_no_address() -> None:
    assert address_of({"type": "http", "client": None}) == "unknown"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        database_url=f"sqlite:///{tmp_path}/shardplan.db",
        access="keys",
        rate_limit_key="3/hour",
        rate_limit_address="2/hour",
    )


def test_requests_are_counted_by_key_or_else_by_address(settings: Settings) -> None:
    app = create_app(settings)
    with TestClient(app, base_url=ADDRESS) as client:
        secret = app.state.services.access.create_key("x", "default", "read").secret
        bearer = {"Authorization": f"Bearer {secret}"}

        with_key = [client.get("/api/v1/gpus", headers=bearer) for _ in range(4)]
        without = [client.get("/s/x") for _ in range(3)]
        guesses = client.post("/sign-in", data={"key": "shardplan_guess"})
        probes = [client.get(path) for path in ("/healthz", "/readyz", "/favicon.ico") * 3]

    assert [answer.status_code for answer in with_key] == [200, 200, 200, 429]
    refusal = with_key[-1]
    assert refusal.headers["content-type"] == "application/problem+json"
    assert int(refusal.headers["retry-after"]) >= 1
    assert [answer.status_code for answer in without] == [404, 404, 429]
    assert guesses.status_code == 429
    assert {answer.status_code for answer in probes} == {200}


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(settings: Settings) -> None:
    app: Any = create_app(settings)  # the server's own types of ASGI are narrower
    proxy = "10.213.77.2"
    served: Any = ProxyHeadersMiddleware(app, trusted_hosts=proxy)  # as the server puts it in front
    with TestClient(served, base_url=ADDRESS, client=(proxy, 1)) as behind:
        seen = [f"198.51.100.{n}, 203.0.113.7" for n in range(3)]
        invented = [behind.get("/s/x", headers={"X-Forwarded-For": said}) for said in seen]
        another = behind.get("/s/x", headers={"X-Forwarded-For": "203.0.113.8"})
    with TestClient(served, base_url=ADDRESS, client=("203.0.113.9", 1)) as direct:
        said = [f"203.0.113.{n}" for n in range(20, 23)]
        direct_ones = [direct.get("/s/x", headers={"X-Forwarded-For": each}) for each in said]

    assert [answer.status_code for answer in invented] == [404, 404, 429]
    assert another.status_code == 404
    assert [answer.status_code for answer in direct_ones] == [404, 404, 429]


def test_where_access_is_open_nothing_is_counted(tmp_path: Path) -> None:
    settings = Settings(
        database_url=f"sqlite:///{tmp_path}/a.db",
        rate_limit_key="1/hour",
        rate_limit_address="1/hour",
    )
    with TestClient(create_app(settings), base_url=ADDRESS) as client:
        assert {client.get("/api/v1/gpus").status_code for _ in range(3)} == {200}
