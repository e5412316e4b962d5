from __future__ import annotations

from app.web.navigation import FIRST, MORE, Entry


def test_a_page_is_current_on_its_own_address_and_below_it() -> None:
    plans = Entry("/plans", "Plans")
    assert plans.leads_to("/plans")
    assert plans.leads_to("/plans/abc")
    assert not plans.leads_to("/plansible")


def test_the_planner_is_current_only_on_its_own_address() -> None:
    assert Entry("/", "Planner").leads_to("/")
    assert not Entry("/", "Planner").leads_to("/plans")


def test_no_page_is_named_twice() -> None:
    entries = (*FIRST, *MORE)
    assert len({entry.href for entry in entries}) == len(entries)
    assert len({entry.text for entry in entries}) == len(entries)
