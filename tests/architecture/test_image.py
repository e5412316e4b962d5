"""The image and the compose file, read as their engine would read them: none runs in the tests."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import Any

import pytest
import yaml

from app.settings import Settings
from tests.architecture.repository import ROOT

# What only an image needs: its user, and byte code that the user may not write later.
IMAGE_ONLY = {
    "python3 -m venv .venv",
    ".venv/bin/python -m compileall -q -j 0 .venv/lib app",
    "useradd --system --uid 10001 --home-dir /data --create-home shardplan",
}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's (INSTRUCTION, arguments) with continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    split = (line.split(maxsplit=1) for line in lines if line.strip())
    return [(word, " ".join(rest.split())) for word, rest in split]


def arguments(instruction: str) -> list[str]:
    return [rest for word, rest in instructions() if word == instruction]


def makefile_steps() -> set[str]:
    """What `make` would run to install the runtime and the browser libraries."""
    command = [
        "make",
        "--no-print-directory",
        "--dry-run",
        "--always-make",
        "static/vendor/.installed",
        ".venv/.runtime",
    ]
    plan = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {" ".join(line.split()) for line in plan.splitlines()}


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return document


def environment() -> dict[str, str]:
    pairs = (item.partition("=") for line in arguments("ENV") for item in shlex.split(line))
    return {name: value for name, _, value in pairs}


def test_the_image_is_built_with_the_steps_of_the_makefile() -> None:
    steps = set(arguments("RUN"))
    assert steps - IMAGE_ONLY <= makefile_steps()
    assert steps >= IMAGE_ONLY
    assert any("--require-hashes" in step for step in steps)
    assert any(step.startswith("npm ci") for step in steps)


def test_the_image_starts_what_make_run_starts() -> None:
    run = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "run"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert shlex.join(json.loads(arguments("CMD")[-1])) == run[-1]


def test_every_base_image_is_pinned_to_a_full_version() -> None:
    bases = [line.split()[0] for line in arguments("FROM")]
    assert len(bases) == 3
    for base in [*bases, compose()["services"]["postgres"]["image"]]:
        assert re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?(-slim)?-bookworm(-slim)?", base), base


def test_the_image_runs_as_an_ordinary_user_and_reports_its_health() -> None:
    final = [word for word, _ in instructions()]
    user = arguments("USER")[-1]
    assert user == "shardplan"
    assert any(step.endswith(f" {user}") for step in arguments("RUN"))
    assert max(i for i, word in enumerate(final) if word == "FROM") < final.index("USER")
    assert final.index("USER") < max(i for i, word in enumerate(final) if word == "CMD")
    (health,) = arguments("HEALTHCHECK")
    assert "/healthz" in health
    compile(json.loads(health.partition("CMD ")[2])[2], "healthcheck", "exec")


def test_every_setting_of_the_image_exists_and_lets_it_be_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = {k: v for k, v in environment().items() if not k.startswith("PYTHON")}
    fields = Settings.model_fields.items()
    known = {str(field.validation_alias or f"SHARDPLAN_{name.upper()}") for name, field in fields}
    assert ours.keys() <= known
    for name, value in ours.items():
        monkeypatch.setenv(name, value)

    settings = Settings()

    assert (settings.host, settings.port) == ("0.0.0.0", int(arguments("EXPOSE")[0]))
    assert settings.database_url.startswith("sqlite:///" + arguments("VOLUME")[0] + "/")


def test_everything_that_is_copied_exists_and_is_let_through() -> None:
    let_through = set((ROOT / ".dockerignore").read_text().splitlines())
    assert "*" in let_through
    for line in arguments("COPY"):
        if line.startswith("--from="):
            continue
        *sources, _ = line.split()
        for source in sources:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in let_through, f"{source} is kept out by .dockerignore"


def test_compose_serves_on_loopback_from_a_volume_with_postgresql_as_a_profile() -> None:
    document = compose()
    app, postgres = document["services"]["app"], document["services"]["postgres"]
    assert document["services"].keys() == {"app", "postgres"}
    assert app["ports"] == ["127.0.0.1:8000:8000"]
    assert "profiles" not in app
    assert postgres["profiles"] == ["postgres"]
    assert "ports" not in postgres
    assert app["depends_on"]["postgres"] == {"condition": "service_healthy", "required": False}
    mounts = [mount.split(":") for service in (app, postgres) for mount in service["volumes"]]
    assert {name for name, _ in mounts} == document["volumes"].keys()
    assert ["data", arguments("VOLUME")[0]] in mounts
    assert set(app["environment"]) <= environment().keys()
