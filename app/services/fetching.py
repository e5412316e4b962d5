"""A model's config.json from its Hugging Face repository, for servers whose operator allows it."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, Protocol

from app.domain.errors import FieldError, InvalidInput
from app.schemas.json_text import NotJson, read_json

HOST = "huggingface.co"
TIMEOUT_SECONDS = 10.0
MAX_BYTES = 1_048_576
_CHUNK_BYTES = 65_536
_PART = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}"
_REPOSITORY = re.compile(f"{_PART}/{_PART}")
# Printable ASCII; the second character keeps `//host` out, which would be another host.
_PATH = re.compile(r"/(?![/\\])[!-~]{0,2000}")
_PASTE = "paste its config.json instead."


class Response(Protocol):
    """What is read of an answer; `http.client.HTTPResponse` is one."""

    status: int

    def getheader(self, name: str) -> str | None:
        """A header's value."""

    def read1(self, n: int = -1) -> bytes:
        """Up to `n` bytes, b"" at the end."""


class Connection(Protocol):
    """What is asked of a connection; `http.client.HTTPSConnection` is one."""

    def request(self, method: str, url: str, *, headers: dict[str, str]) -> None:
        """Sends a request."""

    def getresponse(self) -> Any:
        """The answer, a `Response`."""

    def close(self) -> None:
        """Closes it."""


class _CheckedConnection(http.client.HTTPSConnection):
    """HTTPS to one address that was checked before; the certificate is the host name's."""

    def __init__(self, address: str) -> None:
        self._tls = ssl.create_default_context()
        super().__init__(HOST, timeout=TIMEOUT_SECONDS, context=self._tls)
        self._address = address

    def connect(self) -> None:
        plain = socket.create_connection((self._address, 443), TIMEOUT_SECONDS)
        self.sock = self._tls.wrap_socket(plain, server_hostname=HOST)


def _resolve(host: str) -> list[str]:
    found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True)
class ConfigFetcher:
    """Reads config.json of `org/name` from huggingface.co, and from nowhere else.

    The host is resolved once, every address must be public, and the connection goes to the address
    that was checked. At most one redirect is followed, and only to a path on the same host: that is
    how Hugging Face serves small files. Proxies of the environment are not used.
    """

    allowed: bool
    resolve: Callable[[str], list[str]] = _resolve
    connect: Callable[[str], Connection] = _CheckedConnection

    def fetch(self, repository: str) -> dict[str, Any]:
        """The config of a repository's main revision.

        Raises:
            InvalidInput: at `/repository`, saying what to do where it is not allowed, is no name,
                cannot be reached, or is no config.
        """
        if not self.allowed:
            raise _refused(f"Set SHARDPLAN_FETCH_MODELS=true to fetch models, or {_PASTE}")
        if not _REPOSITORY.fullmatch(repository) or ".." in repository:
            raise _refused("Use org/name as on Hugging Face, not a URL.")
        try:
            text = self._text(f"/{repository}/resolve/main/config.json")
            config = read_json(text.decode("utf-8-sig"))
        except (OSError, http.client.HTTPException):
            raise _refused(f"{HOST} cannot be reached from this server: {_PASTE}") from None
        except (NotJson, UnicodeDecodeError):
            raise _refused(f"The repository's config.json is not JSON: {_PASTE}") from None
        except InvalidInput as error:
            raise _refused(error.errors[0].detail) from None
        if not isinstance(config, dict):
            raise _refused(f"The repository's config.json is no object: {_PASTE}")
        return config

    def _text(self, path: str) -> bytes:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        address = self._address()
        status, found = self._get(address, path, deadline)
        if status in _REDIRECTS:
            location = found.decode("latin-1")
            if not _PATH.fullmatch(location):
                raise _refused(
                    f"The repository moved or is elsewhere: use its new name, or {_PASTE}"
                )
            status, found = self._get(address, location, deadline)
        if status == 200:
            return found
        raise _refused(_STATUS.get(status, f"{HOST} answered {status}: try again, or {_PASTE}"))

    def _address(self) -> str:
        addresses = self.resolve(HOST)
        if not addresses or not all(map(_is_public, addresses)):
            raise _refused(f"{HOST} has an address here that is not public: {_PASTE}")
        return addresses[0]

    def _get(self, address: str, path: str, deadline: float) -> tuple[int, bytes]:
        """Status and body; of a redirect, the place it leads to instead of the body."""
        connection = self.connect(address)
        try:
            headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
            connection.request("GET", path, headers=headers)
            response: Response = connection.getresponse()
            if response.status in _REDIRECTS:
                return response.status, (response.getheader("Location") or "").encode()
            return response.status, _body(response, deadline) if response.status == 200 else b""
        finally:
            connection.close()


_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GATED = f"The repository is gated, private or does not exist: check its name, or {_PASTE}"
_STATUS = {
    401: _GATED,
    403: _GATED,
    404: f"There is no such repository, or it has no config.json: check its name, or {_PASTE}",
}


def _body(response: Response, deadline: float) -> bytes:
    found = bytearray()
    while chunk := response.read1(_CHUNK_BYTES):
        found += chunk
        if len(found) > MAX_BYTES:
            raise _refused(f"The repository's config.json has more than 1 MiB: {_PASTE}")
        if time.monotonic() > deadline:
            raise TimeoutError
    return bytes(found)


def _is_public(address: str) -> bool:
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found.sixtofour or found
    return found.is_global and not found.is_multicast


def _refused(detail: str) -> InvalidInput:
    return InvalidInput(FieldError("/repository", detail))
