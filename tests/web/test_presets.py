from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from app.services.container import build_services
from app.settings import Settings
from app.web.planner import evaluate
from app.web.presets import PRESETS, Preset

SERVICES = build_services(Settings())


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.title)
def test_a_preset_is_a_job_that_the_planner_answers_and_brings_to_a_fit(preset: Preset) -> None:
    found = evaluate(SERVICES, parse_qsl(urlsplit(preset.href).query, keep_blank_values=True))
    assert not found.submission.errors
    assert found.result is not None
    assert found.result.headline.verdict in ("fits", "tight") or found.result.fixes


def test_presets_have_names_and_addresses_of_their_own() -> None:
    assert len({preset.title for preset in PRESETS}) == len(PRESETS)
    assert len({preset.href for preset in PRESETS}) == len(PRESETS)
