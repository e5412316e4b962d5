"""`GET /api/v1/claims`: published figures with requests that programs can repeat."""

from __future__ import annotations

from starlette.testclient import TestClient


def test_every_topic_lists_its_claims_in_order(client: TestClient) -> None:
    answer = client.get("/api/v1/claims").json()
    assert [id_ for topic in answer["topics"] for id_ in topic["claims"]] == [
        claim["id"] for claim in answer["items"]
    ]
    assert answer["engine_version"]


def test_a_settings_request_posted_as_it_is_gives_what_the_claim_shows(client: TestClient) -> None:
    claims = {claim["id"]: claim for claim in client.get("/api/v1/claims").json()["items"]}
    for setting in claims["vendor-70b-zero3"]["settings"]:
        answer = client.post("/api/v1/estimates", json=setting["request"]).json()
        for shown, found in zip(setting["outcomes"], answer["estimates"], strict=True):
            assert shown["verdict"] == found["verdict"]
            assert shown["peak_bytes"] == found["peak"]["allocated_bytes"]
        assert setting["outcomes"][0]["usable_bytes"] == answer["capacity"]["usable_bytes"]


def test_every_claim_names_who_said_it_where_and_when(client: TestClient) -> None:
    for claim in client.get("/api/v1/claims").json()["items"]:
        source = claim["source"]
        assert source["url"].startswith("https://")
        assert source["by"]
        assert source["published"].startswith("20")
        assert claim["quote"]
        assert claim["reason"]
