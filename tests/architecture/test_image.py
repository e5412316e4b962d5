"""The image and the compose file, read as their engine would read them: none runs in the tests."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from app.cli.__main__ import parser
from app.http.serving import ANSWER_SECONDS
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
    images = {service["image"] for service in compose()["services"].values()} - {"shardplan"}
    assert len(images) == 3
    for base in {*bases, *images}:
        assert re.fullmatch(
            r"[a-z/]+:\d+\.\d+(\.\d+)?-((slim-)?bookworm|bookworm-slim|alpine)", base
        ), base


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
    assert app["ports"] == ["127.0.0.1:8000:8000"]
    assert "profiles" not in app
    assert "postgres" in postgres["profiles"]
    assert "ports" not in postgres
    assert app["depends_on"]["postgres"] == {"condition": "service_healthy", "required": False}
    assert f"data:{arguments('VOLUME')[0]}" in app["volumes"]
    assert set(app["environment"]) <= environment().keys()


def replicas() -> dict[str, Any]:
    """The services of the profile with a proxy, by name."""
    services = compose()["services"].items()
    return {
        name: service for name, service in services if "replicas" in service.get("profiles", [])
    }


def test_two_replicas_wait_for_one_migration_and_for_what_they_share() -> None:
    services = replicas()
    assert services.keys() == {"postgres", "valkey", "migrate", "replica-1", "replica-2", "proxy"}
    migrate, one, other = (services[name] for name in ("migrate", "replica-1", "replica-2"))
    assert one == other
    assert migrate["command"] == [".venv/bin/python", "-m", "app.cli", "migrate"]
    assert parser().parse_args(migrate["command"][3:]).run
    assert migrate["restart"] == "no"
    assert migrate["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert one["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"},
        "valkey": {"condition": "service_healthy"},
    }
    assert services["proxy"]["depends_on"] == {
        name: {"condition": "service_healthy"} for name in ("replica-1", "replica-2")
    }
    for name, service in services.items():
        assert service["healthcheck"], name
    assert "/readyz" in one["healthcheck"]["test"][-1]
    compile(one["healthcheck"]["test"][-1], "healthcheck", "exec")


def test_only_the_proxy_of_the_replicas_is_published_and_on_loopback_unless_told() -> None:
    services = replicas()
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {
        "proxy": [f"${{PUBLISH_ON:-127.0.0.1}}:{port}:{port}" for port in (80, 443)]
    }
    document = compose()
    assert document["networks"]["inside"]["internal"] is True
    for name in services.keys() - {"proxy"}:
        assert services[name]["networks"] == ["inside"], name


def test_replicas_ask_for_keys_count_together_and_believe_the_proxy_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, proxy = replicas()["replica-1"], replicas()["proxy"]
    for name, value in (environment() | one["environment"]).items():
        monkeypatch.setenv(name, value)

    settings = Settings()

    assert (settings.access, settings.allow_remote) == ("keys", False)
    assert settings.database_url.endswith("@postgres/shardplan")
    assert urlsplit(settings.rate_limit_url).hostname == "valkey"
    assert settings.trusted_proxies == proxy["networks"]["inside"]["ipv4_address"]
    stops_after = int(one["stop_grace_period"].removesuffix("s"))
    assert stops_after > settings.shutdown_grace_seconds + ANSWER_SECONDS


def test_every_volume_that_is_mounted_is_declared_and_every_file_exists() -> None:
    document = compose()
    mounts = [m.split(":")[0] for s in document["services"].values() for m in s.get("volumes", [])]
    files = {mount for mount in mounts if mount.startswith(".")}
    assert set(mounts) - files == document["volumes"].keys()
    assert files == {"./docs/deploy/Caddyfile"}
    assert all((ROOT / file).is_file() for file in files)


def test_the_proxy_ends_tls_hides_the_operators_addresses_and_asks_who_is_ready() -> None:
    text = re.sub(r"#.*", "", (ROOT / "docs/deploy/Caddyfile").read_text())
    upstreams = re.findall(r"replica-\d:\d+", text)
    assert upstreams == [f"{name}:8000" for name in ("replica-1", "replica-2")]
    assert re.search(r"^@operators path /metrics /readyz$", text.replace("\t", ""), re.MULTILINE)
    assert "respond @operators 404" in text
    assert "health_uri /readyz" in text
    assert "trusted_proxies" not in text, "what a client says about its address is not believed"
    # Caddy's own defaults: certificates by itself, TLS 1.2 and 1.3, plain http redirected.
    assert not re.search(r"\btls\b|auto_https|disable_redirects|insecure", text)
    assert not re.search(r"^\s*log\b", text, re.MULTILINE), "tokens of links would be in it"
    sites = re.findall(r"^(\S.*?) \{$", text, re.MULTILINE)
    assert sites == ["{$SITE_ADDRESS:localhost}", "http://127.0.0.1:2020"]
    assert replicas()["proxy"]["environment"] == {"SITE_ADDRESS": "${SITE_ADDRESS:-localhost}"}
