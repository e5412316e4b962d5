"""Programs that save and change things, and remember to the letter what they were told."""

from __future__ import annotations

import http.client
import threading
import uuid
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field

from tests.factories import Json, new_hardware_profile
from tests.soak.server import Answer, Server, send

PROFILES = "/api/v1/hardware-profiles"
NO_ANSWER = (OSError, http.client.HTTPException)


@dataclass
class Client:
    """Creates profiles, each under a key of its own, and changes the newest one now and then.

    It takes one step after the other, as a program does; a step without an answer ends the run and
    is kept, to be repeated.
    """

    name: str
    created: dict[str, str] = field(default_factory=dict)  # id by key, acknowledged
    versions: dict[str, int] = field(default_factory=dict)  # by id, acknowledged
    open_creation: str | None = None  # a key
    open_change: str | None = None  # an id
    refused: list[str] = field(default_factory=list)
    steps: int = 0

    def run(self, server: Server, stop: threading.Event) -> None:
        """Takes steps until told to stop or until an answer does not come."""
        connection = server.connection()
        try:
            while not stop.is_set():
                self.step(connection)
        except NO_ANSWER:
            pass
        finally:
            connection.close()

    def step(self, connection: http.client.HTTPConnection) -> None:
        """One write."""
        self.steps += 1
        newest = next(reversed(self.versions), None)
        if newest is not None and self.steps % 3 == 0:
            self.open_change = newest
            tag = {"If-Match": f'"{self.versions[newest]}"'}
            document = self._document(f"{self.name} changed {self.steps}")
            self._changed(send(connection, "PUT", f"{PROFILES}/{newest}", document, tag))
        else:
            self.open_creation = f"{self.name}-{uuid.uuid4().hex}"
            self._create(connection)

    def repeat(self, server: Server) -> None:
        """Repeats what had no answer: the creation with its key; of the change it looks what is."""
        if self.open_creation is not None:
            with closing(server.connection()) as connection:
                self._create(connection)
        if self.open_change is not None:
            version = self._version(server, self.open_change)
            # A change without an answer was made, or was not; nothing else can be.
            if version - self.versions[self.open_change] not in (0, 1):
                self.refused.append(f"{self.open_change} has version {version}")
            self.versions[self.open_change] = version
            self.open_change = None

    def lost(self, there: Mapping[str, int], since: Mapping[str, int] | None = None) -> list[str]:
        """Ids of what was acknowledged and is not there, or is not as it was left.

        `there` has versions by id. What has the version of `since` still is not looked at.
        """
        known = since or {}
        return [
            profile
            for profile, version in self.versions.items()
            if known.get(profile) != version and there.get(profile) != version
        ]

    def _document(self, name: str) -> Json:
        return new_hardware_profile(name=name)

    def _create(self, connection: http.client.HTTPConnection) -> None:
        key = self.open_creation
        assert key is not None
        headers = {"Idempotency-Key": key}
        answer = send(connection, "POST", PROFILES, self._document(key), headers)
        if answer.status == 201:
            document = answer.json()
            self.created[key] = document["id"]
            self.versions[document["id"]] = 1
        else:
            self.refused.append(f"{answer.status} {answer.body[:300]!r}")
        self.open_creation = None

    def _changed(self, answer: Answer) -> None:
        assert self.open_change is not None
        if answer.status == 200:
            self.versions[self.open_change] += 1
        else:
            self.refused.append(f"{answer.status} {answer.body[:300]!r}")
        self.open_change = None

    def _version(self, server: Server, profile: str) -> int:
        answer = server.request("GET", f"{PROFILES}/{profile}")
        return int(answer.headers["etag"].strip('"')) if answer.status == 200 else 0


def every_profile(server: Server, newest: int | None = None) -> list[Json]:
    """All hardware profiles, or so many of the newest, page by page."""
    found: list[Json] = []
    path = f"{PROFILES}?limit=100"
    while True:
        page = server.request("GET", path).json()
        found += page["items"]
        if not page["next_cursor"] or (newest is not None and len(found) >= newest):
            return found
        path = f"{PROFILES}?limit=100&cursor={page['next_cursor']}"


def versions_by_id(server: Server, newest: int | None = None) -> dict[str, int]:
    """The version of every profile, or of so many of the newest."""
    return {profile["id"]: profile["version"] for profile in every_profile(server, newest)}
