"""What the repository consists of, for the tests that check it against itself."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file that belongs to the repository and exists in the work tree."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(path for name in listing.split("\0") if name and (path := ROOT / name).is_file())


def python_modules(package: str) -> list[Path]:
    """The modules below a folder of the repository, sorted."""
    return sorted((ROOT / package).rglob("*.py"))


def module_id(path: Path) -> str:
    """How a test case about a file is called."""
    return path.relative_to(ROOT).as_posix()
