from __future__ import annotations

import pytest

from app.domain.errors import FieldError, InvalidInput
from app.services.pointers import moved_pointers


@pytest.mark.parametrize(
    ("pointer", "moved"),
    [
        ("/model/id", "/base"),
        ("/model/config", "/config"),
        ("/model/config/hidden_size", "/config/hidden_size"),
        ("/model/configuration", "/model/configuration"),
        ("/other", "/other"),
    ],
)
def test_the_prefix_that_fits_is_replaced(pointer: str, moved: str) -> None:
    prefixes = {"/model/config": "/config", "/model/id": "/base"}

    with pytest.raises(InvalidInput) as error, moved_pointers(prefixes):
        raise InvalidInput(FieldError(pointer, "Do."))

    assert error.value.errors == (FieldError(moved, "Do."),)


def test_an_empty_prefix_fits_everything() -> None:
    with pytest.raises(InvalidInput) as error, moved_pointers({"": "/request"}):
        raise InvalidInput(FieldError("/model", "a"), FieldError("", "b"))

    assert [field.pointer for field in error.value.errors] == ["/request/model", "/request"]
