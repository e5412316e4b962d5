from __future__ import annotations

import html
import re

import pytest
from starlette.testclient import TestClient

from app.catalog.claims import load_claims


@pytest.fixture
def page(client: TestClient) -> str:
    answer = client.get("/claims")
    assert answer.status_code == 200
    return html.unescape(answer.text)


def test_every_claim_is_quoted_with_its_source_and_can_be_linked(page: str) -> None:
    for topic in load_claims().topics:
        for claim in topic.claims:
            assert f'id="{claim.id}"' in page
            assert f'href="#{claim.id}"' in page
            assert f"“{claim.quote}”" in page
            assert load_claims().sources[claim.source].url in page


def test_the_page_says_where_the_table_disagrees_with_itself(page: str) -> None:
    assert page.count("560 GB ÷ 4 is 140 GB, not 35 GB.") == 2
    assert "140 GB ÷ 4 is 35 GB, not 17.5 GB." in page


def test_the_tally_counts_every_claim(page: str) -> None:
    (tally,) = re.findall(r'<ul class="tally">(.*?)</ul>', page, re.DOTALL)
    counts = [int(count) for count in re.findall(r"<strong>(\d+)</strong>", tally)]
    assert sum(counts) == sum(len(topic.claims) for topic in load_claims().topics)


def test_the_planner_opens_with_the_job_of_a_setting(client: TestClient, page: str) -> None:
    links = re.findall(r'href="(/\?[^"]+)">Open in the planner', page)
    assert len(links) > 10
    (h200,) = (link for link in links if "h200-141-sxm" in link)
    answer = client.get(h200)
    assert answer.status_code == 200
    assert "H200" in answer.text


def test_a_ratio_draws_no_bar_and_everything_else_does(page: str) -> None:
    articles = re.findall(r'<article.*?id="([a-z0-9-]+)".*?>(.*?)</article>', page, re.DOTALL)
    drawn = {id_: '<svg class="bar"' in text for id_, text in articles}
    assert not drawn["vendor-zero1-ratio"]
    assert drawn["vendor-70b-zero2"]
