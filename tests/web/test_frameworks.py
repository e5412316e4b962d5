from __future__ import annotations

import html

import pytest
from starlette.testclient import TestClient

from app.catalog.framework_comparison import load_framework_comparison
from app.domain.guidance import RULES


@pytest.fixture
def page(client: TestClient) -> str:
    answer = client.get("/frameworks")
    assert answer.status_code == 200
    return html.unescape(answer.text)


def test_every_cell_question_and_gap_is_shown_with_its_sources(page: str) -> None:
    found = load_framework_comparison()
    for aspect in found.aspects:
        for cell in aspect.cells.values():
            assert cell.text in page
    for question in found.questions:
        assert question.question in page
        assert question.answer in page
    for gap in found.gaps:
        assert gap.instead in page
    for source in found.sources.values():
        assert source.url in page


def test_the_rules_of_the_recommendation_are_shown_in_their_order(page: str) -> None:
    places = [page.index(rule.text) for rule in RULES]
    assert places == sorted(places)


def test_one_job_is_drawn_under_each_strategy_that_stays_on_the_gpu(page: str) -> None:
    assert page.count('<svg class="bar"') == 6  # the hybrid one needs two nodes
    assert "Needs 2 or more nodes" in page


def test_the_job_that_is_drawn_opens_in_the_planner(client: TestClient, page: str) -> None:
    assert 'href="/?model=meta-llama/Llama-3.1-8B&gpu=h100-80-sxm&gpus_per_node=8"' in page
