"""Workspaces: what belongs to one is not there for another."""

from __future__ import annotations

# Made by the migrations. Everything is in it while access is open.
DEFAULT_WORKSPACE = "ws_0000000000000000"
# Nothing is ever in it: it is where somebody without a credential is.
NO_WORKSPACE = ""
