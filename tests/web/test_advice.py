"""The advice panel: reasons with sources, folded alternatives, links only where they work."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

from app.domain.strategies import STRATEGIES
from app.schemas.planning import (
    Advice,
    Alternative,
    FiredRule,
    Reason,
    Stream,
    Swing,
    Traffic,
)
from app.web.advice import SHOWN, advice_of

EIGHT = "/?model=meta-llama/Llama-3.1-8B&gpu=h100-80-sxm&gpus_per_node=8"


def advice(**changes: Any) -> Advice:
    fields: dict[str, Any] = {
        "framework": "deepspeed",
        "strategy": "zero2",
        "title": "ZeRO-2",
        "reasons": [Reason("It leaves 3 GiB.", "This job's estimate")],
        "alternatives": [],
    }
    return Advice(**(fields | changes))


def nowhere(_patch: dict[str, Any]) -> None:
    return None


def test_a_plan_without_advice_has_no_panel() -> None:
    assert advice_of(None, nowhere) is None


def test_the_heading_names_strategy_and_framework_or_that_nothing_fits() -> None:
    view = advice_of(advice(), nowhere)
    assert view is not None
    assert view.heading == "Recommended: ZeRO-2 (DeepSpeed ZeRO)"
    nothing = advice(framework="none", strategy=None, title="")
    view = advice_of(nothing, nowhere)
    assert view is not None
    assert view.heading == "Why nothing fits"
    nothing.alternatives = [Alternative("zero3", "ZeRO-3", "deepspeed", "fits", "Not allowed.")]
    view = advice_of(nothing, nowhere)
    assert view is not None
    assert view.heading == "Why nothing that is allowed fits"


def test_only_addresses_that_are_safe_to_open_are_linked() -> None:
    reasons = [
        Reason("a", "A paper", "https://example.org/paper"),
        Reason("b", "A file", "javascript:alert(1)"),
    ]
    view = advice_of(advice(reasons=reasons), nowhere)
    assert view is not None
    assert [said.address for said in view.reasons] == ["https://example.org/paper", ""]


def test_alternatives_beyond_the_first_are_folded() -> None:
    others = [Alternative(s.id, s.title, s.framework, "fits", "No.") for s in STRATEGIES.values()]
    view = advice_of(advice(alternatives=others), nowhere)
    assert view is not None
    assert len(view.why_not) == SHOWN
    assert len(view.why_not) + len(view.others) == len(STRATEGIES)


def test_rules_swings_and_streams_keep_their_numbers_and_sources() -> None:
    view = advice_of(
        advice(
            rules=[FiredRule("r", "deepspeed", "A rule.", "S", "https://s", "overruled", "Why.")],
            swings=[Swing("If so", {"preferences": {"trainer": "pytorch"}}, "fsdp2", "F", "f")],
            traffic=Traffic(
                [Stream("Gradients", "network", 3_200_000_000, "T × r", "2 × 3", "S", "https://s")],
                3_200_000_000,
                0,
                None,
                "",
            ),
        ),
        lambda patch: f"/?{patch['preferences']['trainer']}",
    )
    assert view is not None
    assert view.rules == ()
    (overruled,) = view.other_rules
    assert (overruled.effect, overruled.said.address) == ("overruled", "https://s")
    assert view.swings[0].href == "/?pytorch"
    assert (view.streams[0].amount, view.streams[0].route) == ("3.2 GB", "each GPU to the others")


def test_the_planner_says_why_which_rule_decided_and_what_would_change_it(
    client: TestClient,
) -> None:
    page = client.get(EIGHT).text
    assert "Recommended: FSDP2, shard grad op (PyTorch FSDP)" in page
    assert "FSDP is the default for fine-tuning models of 7B to 70B on 2 to 8 GPUs." in page
    assert "The team runs DeepSpeed</a>: ZeRO-2" in page
    swung = client.get(f"{EIGHT}&team_knows_deepspeed=true").text
    assert "Recommended: ZeRO-2 (DeepSpeed ZeRO)" in swung


def test_each_swing_is_a_link_that_works_without_scripts(client: TestClient) -> None:
    page = client.get(EIGHT).text
    (href,) = {
        part.split('"')[0].replace("&amp;", "&")
        for part in page.split('<a href="')
        if "team_knows_deepspeed=true" in part.split('"')[0]
    }
    assert "Recommended: ZeRO-2" in client.get(href).text


def test_a_contradiction_is_shown_beside_the_field_and_the_page_still_answers(
    client: TestClient,
) -> None:
    response = client.get("/?strategies=zero_infinity")
    assert response.status_code == 422
    assert "every strategy asked for offloads to NVMe: zero_infinity" in response.text
    assert "Peak memory per GPU" in response.text


def test_a_saved_plan_keeps_its_advice_without_links_that_change_it(client: TestClient) -> None:
    saved = client.post("/plans", data={"query": EIGHT.removeprefix("/?"), "name": "Eight"})
    assert saved.status_code == 200
    assert "Recommended: FSDP2, shard grad op (PyTorch FSDP)" in saved.text
    assert "The team runs DeepSpeed: ZeRO-2" in saved.text
