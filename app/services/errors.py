"""What a use case says when it cannot do what was asked. Bad input is `app.domain.errors`."""

from __future__ import annotations


class ServiceError(Exception):
    """Base of the errors below. Its text is one sentence for the person who asked."""


class NotFound(ServiceError):
    """No such object, or none that may be seen: the two are never told apart."""


class PreconditionRequired(ServiceError):
    """A change was asked for without saying which version it changes."""


class PreconditionFailed(ServiceError):
    """The object has changed since the version that the change was made from."""


class IdempotencyConflict(ServiceError):
    """The idempotency key was used before, for another request."""
