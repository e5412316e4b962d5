"""The browser libraries: which version, from where, with which hash.

This is the one record of them: templates print its script tags, and the tests compare the hashes
with the packages' own files.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from app.http.security_headers import CDN
from app.http.static import STATIC_FOLDER, static_url

VENDOR = STATIC_FOLDER / "vendor"


@dataclass(frozen=True)
class Library:
    """One script of the CDN. `file` is its path in the package, `ready` the global it defines."""

    package: str
    version: str
    file: str
    integrity: str
    ready: str

    @property
    def url(self) -> str:
        return f"{CDN}/npm/{self.package}@{self.version}/{self.file}"

    @property
    def name(self) -> str:
        return self.file.rsplit("/", 1)[-1]


HTMX = Library(
    package="htmx.org",
    version="4.0.1",
    file="dist/htmx.min.js",
    integrity="sha384-Qp9rdC8H7EqOoX+nR0P3RPG2Noji+qdwJlGpfzwQJsfOpp3sGwIdSP9xO3+UlEhn",
    ready="htmx",
)
PLOTLY = Library(
    package="plotly.js-basic-dist-min",
    version="4.1.1",
    file="plotly-basic.min.js",
    integrity="sha384-N2HZsG+IG/3J8CwhGGYz/kmzZ0sprpPWwjhor9ZI4lxuf47i9DXK2/NDGxMaJiEb",
    ready="Plotly",
)
LIBRARIES = (HTMX, PLOTLY)
PLOTLY_ROUTE = "/vendor/plotly.min.js"
FONTS = ("inter-latin-wght-normal.woff2", "jetbrains-mono-latin-wght-normal.woff2")


def plotly_package_file() -> Path | None:
    """The copy of plotly.js inside the installed `plotly` package, where there is one."""
    try:
        file = Path(str(resources.files("plotly") / "package_data" / "plotly.min.js"))
    except ModuleNotFoundError:
        return None
    return file if file.is_file() else None


def local_copy(library: Library) -> str | None:
    """The same-origin address of a library that is installed here, else None."""
    if (VENDOR / library.name).is_file():
        return static_url(f"vendor/{library.name}")
    if library is PLOTLY and plotly_package_file() is not None:
        return PLOTLY_ROUTE
    return None


def fonts_installed() -> bool:
    """Whether the page may name the font files: a file that is not there is never asked for."""
    return all((VENDOR / name).is_file() for name in FONTS)
