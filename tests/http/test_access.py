"""Who may do what: every route, asked by everybody that there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from app.http.access import COOKIE
from app.main import create_app
from app.services.access import AccessService
from app.settings import Settings
from tests.conftest import ADDRESS
from tests.factories import Json, new_hardware_profile, new_model_profile, new_plan

# No key is needed.
EVERYBODY = """
GET /favicon.ico
GET /healthz
GET /metrics
GET /readyz
GET /s
GET /s/{rest:path}
GET /s/{token}
GET /s/{token}/configuration/{filename}
GET /s/{token}/export.{kind}
GET /s/{token}/recalculation
GET /api/v1/shares
GET /api/v1/shares/{rest:path}
GET /api/v1/shares/{token}
GET /sign-in
POST /sign-in
POST /sign-out
POST /theme
"""
# They change something: a key that may only read is refused. Every GET is for such a key.
WRITERS = """
POST /hardware-profiles
POST /hardware-profiles/{profile_id}
POST /hardware-profiles/{profile_id}/delete
POST /hardware-profiles/{profile_id}/duplicate
POST /model-profiles
POST /model-profiles/{profile_id}
POST /model-profiles/{profile_id}/delete
POST /model-profiles/{profile_id}/duplicate
POST /models/import
POST /plans
POST /plans/from-link
POST /plans/{plan_id}/copy
POST /plans/{plan_id}/delete
POST /plans/{plan_id}/recalculation
POST /plans/{plan_id}/shares
POST /plans/{plan_id}/shares/{share_id}/revoke
POST /profiles/import
POST /api/v1/hardware-profiles
DELETE /api/v1/hardware-profiles/{profile_id}
PUT /api/v1/hardware-profiles/{profile_id}
POST /api/v1/hardware-profiles/{profile_id}/copies
POST /api/v1/model-profiles
DELETE /api/v1/model-profiles/{profile_id}
PUT /api/v1/model-profiles/{profile_id}
POST /api/v1/model-profiles/{profile_id}/copies
POST /api/v1/plans
DELETE /api/v1/plans/{plan_id}
PUT /api/v1/plans/{plan_id}
POST /api/v1/plans/{plan_id}/copies
POST /api/v1/plans/{plan_id}/recalculations
POST /api/v1/plans/{plan_id}/shares
DELETE /api/v1/plans/{plan_id}/shares/{share_id}
POST /api/v1/profiles/imports
"""
# They compute and keep nothing.
COMPUTING = """
POST /accuracy/comparisons
POST /bulk
POST /compare/clear
POST /api/v1/accuracy/comparisons
POST /api/v1/configurations
POST /api/v1/estimate-batches
POST /api/v1/estimates
POST /api/v1/recommendations
POST /api/v1/system-searches
"""
OURS = "Kept from strangers"
# What a route needs to get as far as the object that it names.
BODIES: dict[str, Json] = {
    "PUT /api/v1/plans/{plan_id}": {"json": new_plan()},
    "POST /api/v1/plans/{plan_id}/shares": {"json": {}},
    "PUT /api/v1/hardware-profiles/{profile_id}": {"json": new_hardware_profile()},
    "PUT /api/v1/model-profiles/{profile_id}": {"json": new_model_profile()},
    "POST /hardware-profiles/{profile_id}": {"data": {"version": "1", **new_hardware_profile()}},
    "POST /hardware-profiles/{profile_id}/delete": {"data": {"version": "1"}},
    "POST /model-profiles/{profile_id}": {
        "data": {"version": "1", "name": "Theirs", "base": "meta-llama/Llama-3.2-1B"}
    },
    "POST /model-profiles/{profile_id}/delete": {"data": {"version": "1"}},
    "POST /plans/{plan_id}/delete": {"data": {"version": "1"}},
}


def lines(text: str) -> set[str]:
    return set(filter(None, text.split("\n")))


def served() -> list[str]:
    app = create_app(Settings())
    found = {
        f"{method} {route.path}"
        for route in iter_route_contexts(app.routes)
        for method in route.methods or ()
        if method != "HEAD"
    }
    return sorted(found)


ROUTES = served()
CHANGING = [route for route in ROUTES if not route.startswith("GET ")]
OF_OBJECTS = [route for route in ROUTES if re.search(r"\{(plan|profile|share)_id\}", route)]


@dataclass
class House:
    """A product with keys, and objects of one workspace in it."""

    client: TestClient
    keys: dict[str, str]
    session: str
    ids: dict[str, str]

    def send(self, route: str, who: str, **more: Any) -> Any:
        method, _, path = route.partition(" ")
        kind = "model" if "model" in path else "hardware"
        # What a route asks for besides: a file that plans have, an export that there is.
        names = self.ids | {"profile_id": self.ids[kind], "version": "1", "kind": "csv"}
        names["filename"] = "launch.sh?strategy=zero3" if "plans" in path else "x"
        path = re.sub(r"\{(\w+)(:path)?\}", lambda found: names.get(found[1], "x"), path)
        headers = {"If-Match": "*", "Origin": ADDRESS}
        if who == "session":
            headers["Cookie"] = f"{COOKIE}={self.session}"
        elif who != "nobody":
            headers["Authorization"] = f"Bearer {self.keys[who]}"
        return self.client.request(
            method, path, headers=headers, follow_redirects=False, **(BODIES.get(route, {}) | more)
        )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("keys")
    settings = Settings(
        database_url=f"sqlite:///{folder}/shardplan.db",
        access="keys",
        rate_limit_key="100000/minute",
        rate_limit_address="100000/minute",
    )
    app = create_app(settings)
    with TestClient(app, base_url=ADDRESS, raise_server_exceptions=False) as client:
        access: AccessService = app.state.services.access
        keys = {
            "writer": access.create_key("writer", "Sales", "write").secret,
            "reader": access.create_key("reader", "Sales", "read").secret,
            "stranger": access.create_key("stranger", "Support", "write").secret,
            "unknown": "shardplan_" + "A" * 43,
        }
        revoked = access.create_key("revoked", "Sales", "write")
        access.revoke_key(revoked.id)
        keys["revoked"] = revoked.secret
        session = access.sign_in(keys["writer"])
        assert session is not None

        def made(path: str, body: Json) -> str:
            headers = {"Authorization": f"Bearer {keys['writer']}"}
            response = client.post(f"/api/v1/{path}", json=body, headers=headers)
            assert response.status_code == 201, response.text
            return str(response.json()["id"])

        plan = made("plans", new_plan(name=OURS))
        ids = {
            "plan_id": plan,
            "share_id": made(f"plans/{plan}/shares", {}),
            "hardware": made("hardware-profiles", new_hardware_profile(name=OURS)),
            "model": made("model-profiles", new_model_profile(name=OURS)),
        }
        yield House(client, keys, session.token, ids)


def test_every_route_has_a_rule() -> None:
    stated = lines(WRITERS) | lines(COMPUTING) | lines(EVERYBODY)

    assert set(CHANGING) <= stated, "say above who may use these"
    assert stated <= set(ROUTES) | {"GET /metrics"}, "these are gone"


@pytest.mark.parametrize("who", ["nobody", "unknown", "revoked"])
def test_nobody_gets_in_without_a_key_that_works(house: House, who: str) -> None:
    for route in ROUTES:
        response = house.send(route, who)
        if route in lines(EVERYBODY):
            assert response.status_code != 401, route
            assert not response.headers.get("location", "").startswith("/sign-in?"), route
        elif "/api/" in route or "openapi" in route:
            assert response.status_code == 401, route
            assert response.headers["content-type"] == "application/problem+json"
            assert response.headers["www-authenticate"].startswith('Bearer realm="shardplan"')
        else:
            assert response.status_code == 303, route
            assert response.headers["location"].startswith("/sign-in?next=%2F"), route


def test_a_key_that_reads_changes_nothing(house: House) -> None:
    reading = [route for route in OF_OBJECTS if route.startswith("GET ")]
    for route in [*CHANGING, *reading]:
        refused = house.send(route, "reader").status_code == 403
        assert refused == (route in lines(WRITERS)), route


@pytest.fixture(scope="module")
def answers(house: House) -> dict[str, Any]:
    """What every route answers to a stranger who may write, in a workspace with nothing to lose."""
    return {route: house.send(route, "stranger") for route in ROUTES}


def test_whoever_may_write_is_refused_nothing(house: House, answers: dict[str, Any]) -> None:
    reading = [route for route in OF_OBJECTS if route.startswith("GET ")]
    ours = {
        f"{route} {who}": house.send(route, who)
        for who in ("session", "writer")
        for route in [*reading, *sorted(lines(COMPUTING))]
    }
    for route, response in (answers | ours).items():
        assert response.status_code not in (401, 403), route
        assert response.status_code < 500, route
        assert not response.headers.get("location", "").startswith("/sign-in?"), route


@pytest.mark.parametrize("route", OF_OBJECTS)
def test_an_object_of_another_workspace_is_not_there(answers: dict[str, Any], route: str) -> None:
    assert answers[route].status_code == 404


def test_every_name_in_an_address_is_known_to_these_tests() -> None:
    """A new kind of object needs a place in `House`, so that strangers are sent to it above."""
    names = {name for route in ROUTES for name in re.findall(r"\{(\w+)", route)}
    objects = {"plan_id", "profile_id", "share_id", "version"}
    public = {"gpu_id", "model_id", "system_id", "run_id", "owner", "name", "filename", "kind"}
    assert names == objects | public | {"token", "rest"}


def test_no_answer_shows_anything_of_another_workspace(
    house: House, answers: dict[str, Any]
) -> None:
    for route, response in answers.items():
        for id_ in house.ids.values():
            # A 404 may repeat the address that was asked for, and nothing that is behind it.
            if id_ not in str(response.request.url):
                assert id_ not in response.text, route
        assert OURS not in response.text, route


def test_no_answer_may_be_read_by_another_site_or_taken_for_something_else(
    answers: dict[str, Any],
) -> None:
    for route, response in answers.items():
        assert not [name for name in response.headers if name.startswith("access-control-")], route
        assert response.headers["x-content-type-options"] == "nosniff", route
        if response.content:
            kind = response.headers["content-type"]
            assert not kind.startswith("text/") or "charset=utf-8" in kind, route


def test_no_text_of_a_caller_starts_a_header(house: House) -> None:
    broken = "x%0d%0aX-Injected:%20yes"
    query = "&".join(f"{name}={broken}" for name in ("next", "strategy", "plan", "s", "cursor"))
    for route in set(ROUTES) - lines(COMPUTING):
        path = re.sub(r"\{\w+(:path)?\}", broken, route)
        response = house.send(f"{path}?{query}", "stranger", data={"next": "/a\r\nX-Injected: yes"})
        for name, value in response.headers.items():
            assert not re.search(r"[\r\n]", name + value), route


def test_another_workspaces_profile_plans_nothing(house: House) -> None:
    for name, body in (
        ("model", {"model": {"profile": house.ids["model"]}, "hardware": {"gpu": "h100-80-sxm"}}),
        (
            "hardware",
            {
                "model": {"id": "meta-llama/Llama-3.2-1B"},
                "hardware": {"profile": house.ids["hardware"]},
            },
        ),
    ):
        for route in ("estimates", "recommendations"):
            mine = house.send(f"POST /api/v1/{route}", "writer", json=body)
            theirs = house.send(f"POST /api/v1/{route}", "stranger", json=body)
            assert mine.status_code == 200, mine.text
            assert theirs.status_code == 422
            assert theirs.json()["errors"][0]["pointer"] == f"/{name}/profile"


def test_an_idempotency_key_of_one_workspace_is_free_in_another(house: House) -> None:
    answers = []
    for who, name in (("writer", "Ours"), ("stranger", "Theirs")):
        headers = {"Authorization": f"Bearer {house.keys[who]}", "Idempotency-Key": "same"}
        body = new_hardware_profile(name=name)
        answers.append(house.client.post("/api/v1/hardware-profiles", json=body, headers=headers))

    assert [answer.status_code for answer in answers] == [201, 201]
    assert [answer.json()["name"] for answer in answers] == ["Ours", "Theirs"]


def test_a_link_opens_for_everybody(house: House) -> None:
    route = "POST /api/v1/plans/{plan_id}/shares"
    token = house.send(route, "writer", json={}).json()["token"]

    for who in ("nobody", "stranger", "revoked"):
        for address in (f"/s/{token}", f"/api/v1/shares/{token}"):
            assert house.send(f"GET {address}", who).status_code == 200
    assert house.send(f"GET /plans/{house.ids['plan_id']}", "nobody").status_code == 303


def test_the_objects_have_survived_all_this(house: House) -> None:
    for route in OF_OBJECTS:
        if route.startswith("GET "):
            assert house.send(route, "writer").status_code == 200, route


def test_a_session_needs_to_say_where_a_change_comes_from(house: House) -> None:
    cookie = {"Cookie": f"{COOKIE}={house.session}"}
    address = "/api/v1/hardware-profiles"

    silent = house.client.post(address, json=new_hardware_profile(), headers=cookie)
    elsewhere = house.client.post(
        address, json=new_hardware_profile(), headers=cookie | {"Origin": "https://evil.example"}
    )

    assert (silent.status_code, elsewhere.status_code) == (403, 403)
    assert house.client.get(address, headers=cookie).status_code == 200


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": ADDRESS},
        {"Origin": "null"},
        {"Origin": f"{ADDRESS}.evil.example"},
        {"Origin": f"{ADDRESS}@evil.example"},
    ],
)
def test_no_page_of_another_site_makes_a_browser_change_anything(
    house: House, said: dict[str, str]
) -> None:
    cookie = {"Cookie": f"{COOKIE}={house.session}"}
    for route in CHANGING:
        method, _, path = route.partition(" ")
        response = house.client.request(method, path, headers=cookie | said, data={"next": "/"})
        assert response.status_code == 403, route
        assert "set-cookie" not in response.headers, route


def test_a_host_that_somebody_made_up_stays_text(house: House) -> None:
    route = "POST /api/v1/plans/{plan_id}/shares"
    token = house.send(route, "writer", json={}).json()["token"]
    headers = {"Host": 'evil.example"><script>x'}

    page = house.client.get(f"/s/{token}", headers=headers)

    assert "<script>x" not in page.text
    assert "evil.example" not in page.headers.get("location", "")


def test_a_bad_key_is_not_excused_by_a_good_session(house: House) -> None:
    headers = {"Cookie": f"{COOKIE}={house.session}", "Authorization": "Bearer wrong"}

    response = house.client.get("/api/v1/plans", headers=headers)

    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


@pytest.mark.parametrize("scheme", ["Basic", "Digest", "shardplan"])
def test_keys_come_as_bearers_only(house: House, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {house.keys['writer']}"}

    assert house.client.get("/api/v1/plans", headers=headers).status_code == 401


def test_what_belongs_to_a_workspace_stays_in_no_cache(house: House) -> None:
    for path in ("/plans", "/api/v1/plans", "/"):
        assert house.send(f"GET {path}", "session").headers["cache-control"] == "no-store"


def test_a_fragment_is_not_replaced_by_the_sign_in_form(house: House) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": f"{ADDRESS}/?gpu=h100-80-sxm"}

    response = house.client.get("/?gpu=x", headers=headers, follow_redirects=False)

    assert response.status_code == 401
    assert response.headers["hx-redirect"] == "/sign-in?next=%2F%3Fgpu%3Dh100-80-sxm"


def test_where_access_is_open_nobody_needs_a_key_and_a_wrong_one_does_no_harm(
    app: FastAPI, client: TestClient
) -> None:
    headers = {"Authorization": "Bearer shardplan_wrong", "Cookie": f"{COOKIE}=wrong"}

    assert client.get("/api/v1/plans", headers=headers).status_code == 200
    assert client.get("/sign-in?next=/plans", follow_redirects=False).headers["location"] == (
        "/plans"
    )


@pytest.mark.parametrize(
    "path",
    [
        "/static/../api/v1/plans",
        "/static/%2e%2e/plans",
        "/static//../plans",
        "/s/../plans",
        "/s/%2e%2e/plans",
        "/s/x/../../plans",
        "/api/v1/shares/../plans",
        "/api/v1/shares/%2e%2e%2fplans",
        "//plans",
        "/./plans",
        "/plans/",
        "/PLANS",
        "/plans%00",
        "/plans;/static/",
        "/sign-in/../plans",
        "/healthz/../plans",
        "/favicon.ico/../plans",
        "/%70lans",
    ],
)
def test_no_spelling_of_an_address_leads_around_the_key(house: House, path: str) -> None:
    response = house.client.send(
        house.client.build_request("GET", f"{ADDRESS}{path}"), follow_redirects=False
    )

    assert response.status_code in (303, 401, 404)
    assert OURS not in response.text


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PATCH", "CONNECT", "PROPFIND"])
def test_no_other_method_does_what_a_listed_one_does(house: House, method: str) -> None:
    path = f"/api/v1/plans/{house.ids['plan_id']}"
    override = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}
    writer = override | {"Authorization": f"Bearer {house.keys['writer']}", "If-Match": "*"}

    house.client.cookies.clear()
    nobody = house.client.request(method, path, headers=override)
    known = house.client.request(method, path, headers=writer)

    assert nobody.status_code == 401
    assert known.status_code == (200 if method == "HEAD" else 405)
    assert house.send("GET /api/v1/plans/{plan_id}", "writer").status_code == 200


def test_asking_changes_nothing(house: House) -> None:
    def kept() -> dict[str, Any]:
        return {
            route: house.send(f"GET {route}", "writer").text
            for route in (
                "/api/v1/plans",
                "/api/v1/plans/{plan_id}",
                "/api/v1/plans/{plan_id}/versions",
                "/api/v1/plans/{plan_id}/shares",
                "/api/v1/hardware-profiles",
                "/api/v1/model-profiles",
            )
        }

    before = kept()
    for route in OF_OBJECTS:
        if route.startswith("GET "):
            house.send(route, "writer")
    assert kept() == before
