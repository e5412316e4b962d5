"""RFC 9457 problem details: the one shape of every error that programs get."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class BadField(BaseModel):
    """One bad field: a JSON pointer (RFC 6901) into the request and a sentence with the remedy."""

    pointer: str = Field(examples=["/hardware/gpus_per_node"])
    detail: str = Field(examples=["Use a whole number that is at least 1."])


class Problem(BaseModel):
    """What went wrong, for programs (`type`, `status`, `errors`) and people (`title`, `detail`)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Unprocessable Content",
                    "status": 422,
                    "detail": "1 field needs a change.",
                    "instance": "/api/v1/estimates",
                    "request_id": "5f0c6a1e9b7d4c3f",
                    "errors": [
                        {
                            "pointer": "/hardware/gpus_per_node",
                            "detail": "Use a whole number that is at least 1.",
                        }
                    ],
                }
            ]
        }
    )

    type: str = Field(
        "about:blank", description="Always `about:blank`: the status says it (RFC 9457, 4.2.1)."
    )
    title: str = Field(description="The name of the status.")
    status: int
    detail: str = Field(description="What happened here and what to do about it.")
    instance: str = Field(description="The path that was asked for.")
    request_id: str = Field(description="Names this request in the server's log.")
    errors: list[BadField] | None = Field(None, description="Every bad field, where that is why.")
