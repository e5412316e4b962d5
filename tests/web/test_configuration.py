from __future__ import annotations

import html
import io
import json
import re
import zipfile

import pytest
from starlette.testclient import TestClient

JOB = "model=meta-llama/Llama-3.1-8B&gpu=h100-80-sxm&gpus_per_node=8"
ZERO = f"{JOB}&strategy=zero3"
HYBRID = f"{JOB}&strategy=fsdp2_hybrid"


def shown(page: str) -> dict[str, str]:
    """The text of every file on a page, by its format."""
    found = re.findall(r'id="file-(\w+)".*?<pre[^>]*><code>(.*?)</code>', page, re.DOTALL)
    return {name: html.unescape(text) for name, text in found}


def test_the_planner_shows_the_files_of_the_strategy_that_is_looked_at(client: TestClient) -> None:
    files = shown(client.get(f"/?{ZERO}").text)
    assert json.loads(files["deepspeed_json"])["zero_optimization"]["stage"] == 3
    assert files["launch_command"].startswith("#!/usr/bin/env bash\n# ZeRO-3: 8 × H100")
    assert "accelerate_yaml" in shown(client.get(f"/?{JOB}&strategy=fsdp2").text)


def test_without_a_choice_they_are_those_of_the_recommendation(client: TestClient) -> None:
    page = client.get(f"/?{JOB}").text
    recommended = client.post(
        "/api/v1/recommendations",
        json={
            "model": {"id": "meta-llama/Llama-3.1-8B"},
            "hardware": {"gpu": "h100-80-sxm", "gpus_per_node": 8, "host_memory_gib": 512},
        },
    ).json()
    files = {file["format"]: file["content"] for file in recommended["configs"]}
    assert shown(page) == files != {}


def test_files_of_what_does_not_fit_say_so(client: TestClient) -> None:
    page = client.get("/?strategy=ddp").text
    assert "It does not fit as it stands" in page
    assert "It does not fit as it stands" not in client.get(f"/?{ZERO}").text


def test_what_cannot_be_shows_no_files(client: TestClient) -> None:
    assert 'id="configuration"' not in client.get(f"/?{HYBRID}").text


def test_every_file_can_be_taken_away_as_it_is_shown(client: TestClient) -> None:
    page = client.get(f"/?{ZERO}").text
    links = [html.unescape(link) for link in re.findall(r'href="(/configuration/[^"]+)"', page)]
    archive, *single = dict.fromkeys(links)
    assert len(single) == 3
    with zipfile.ZipFile(io.BytesIO(client.get(archive).content)) as files:
        for link in single:
            name = link.removeprefix("/configuration/").partition("?")[0]
            answer = client.get(link)
            assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
            assert answer.text == files.read(name).decode()
            assert answer.text in shown(page).values()
        launch = files.getinfo("launch.sh")
        assert launch.external_attr >> 16 == 0o755
    assert client.get(archive).content == client.get(archive).content


def test_an_unknown_file_is_not_found(client: TestClient) -> None:
    assert client.get(f"/configuration/other.json?{ZERO}").status_code == 404
    assert client.get(f"/configuration/shardplan.zip?{HYBRID}").status_code == 404


@pytest.mark.parametrize("query", ["sequence_length=many&strategy=zero3", JOB, f"{JOB}&strategy=x"])
def test_a_job_without_files_leads_back_to_the_planner(client: TestClient, query: str) -> None:
    answer = client.get(f"/configuration/shardplan.zip?{query}", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/?{query}"
