"""`POST /api/v1/configurations`: the files that run a job under one strategy."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from app.api.v1.routing import api_router
from app.http.dependencies import ServicesDep
from app.schemas.configurations import (
    CONFIGURATION_REQUESTS,
    ConfigurationRequest,
    ConfigurationResponse,
)

router = api_router("configurations", "/configurations")


@router.post(
    "",
    summary="Write the files that run a job under one strategy",
    response_model=ConfigurationResponse,
)
def create_configuration(
    body: Annotated[ConfigurationRequest, Body(openapi_examples=CONFIGURATION_REQUESTS)],
    services: ServicesDep,
) -> ConfigurationResponse:
    """DeepSpeed JSON or an Accelerate file, TrainingArguments, and the launch.

    They agree with the estimate of the same request: bucket sizes, precision, offload, wrapping,
    batch. Nothing is stored. What is `unsupported` has no files, and `notes` says why.
    """
    trainer = body.preferences.trainer
    return services.configurer.configure(body.estimate_request, body.strategy, trainer)
