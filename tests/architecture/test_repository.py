"""The repository speaks of the product alone: no server that packages come from, no machine."""

from __future__ import annotations

import re

from tests.architecture.repository import ROOT, module_id, tracked_files

BINARY = {".png", ".ico", ".woff2", ".jpg", ".gz"}

# Written in halves, so that this file passes its own test.
REGISTRIES = "|".join(
    re.escape(name + end)
    for name, end in [
        ("pypi", ".org"),
        ("pythonhosted", ".org"),
        ("npmjs", ".org"),
        ("npmjs", ".com"),
        ("yarnpkg", ".com"),
        ("debian", ".org"),
        ("docker", ".io"),
        ("file:", "///"),
    ]
)
MACHINE_PATHS = r"(?<![\w./$}])/(?:work|root|home|opt|tmp)/\w"
FORBIDDEN = re.compile(f"{REGISTRIES}|{MACHINE_PATHS}")

VENDORED = re.compile(r"(htmx|plotly|bootstrap|tailwind|alpine)[\w.-]*\.(js|css)$|\.min\.(js|css)$")


def test_no_file_names_a_package_server_or_a_path_of_some_machine() -> None:
    found = [
        f"{module_id(path)}:{number} names {match.group()}"
        for path in tracked_files()
        if path.suffix not in BINARY
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (match := FORBIDDEN.search(line))
    ]
    assert found == []


def test_no_built_file_of_somebody_else_is_committed() -> None:
    committed = [path.relative_to(ROOT).as_posix() for path in tracked_files()]
    assert [name for name in committed if VENDORED.search(name)] == []
    assert [
        name for name in committed if name.startswith(("static/vendor/", "node_modules/"))
    ] == []


def test_no_file_is_large() -> None:
    sizes = {module_id(path): path.stat().st_size for path in tracked_files()}
    assert {name: size for name, size in sizes.items() if size > 1_000_000} == {}
