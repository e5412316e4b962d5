"""The composition root: `create_app` wires everything, `python -m app.main` serves it."""

from __future__ import annotations

import gc

# What loading makes stays until the end: to look for garbage in it took a tenth of a start.
gc.disable()

import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from fastapi import FastAPI
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from app import web
from app.api import v1 as api
from app.api.v1.examples import response_examples
from app.api.v1.routing import PREFIX
from app.domain.version import ENGINE_VERSION
from app.http import health
from app.http.access import AccessMiddleware
from app.http.body_limit import BodyLimitMiddleware
from app.http.cross_site import CrossSiteMiddleware
from app.http.head import HeadMiddleware
from app.http.json_body import JsonBodyMiddleware
from app.http.known_host import KnownHostMiddleware
from app.http.logs import configure_logging
from app.http.metrics import Metrics
from app.http.observing import ObservingMiddleware
from app.http.openapi import install_openapi, operation_id
from app.http.private import PrivateMiddleware
from app.http.problems import ErrorMiddleware, install_error_handlers
from app.http.rate_limit import limiter_of
from app.http.redaction import redact_server_logs
from app.http.request_id import RequestIdMiddleware
from app.http.security_headers import SecurityHeadersMiddleware
from app.http.serving import DrainingMiddleware, Lifecycle, serve
from app.http.static import STATIC_FOLDER, CachedStaticFiles, favicon
from app.services.container import Services, build_workspaces
from app.settings import Settings
from app.storage.errors import SchemaTooNew, StorageUnavailable
from app.web.errors import render_error

gc.enable()


def create_app(settings: Settings | None = None) -> FastAPI:
    """The whole product as one ASGI application. Its database opens when the server starts."""
    settings = settings or Settings()
    redact_server_logs()
    workspaces = build_workspaces(settings)
    services = workspaces.services()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(services.database.open)
        try:
            yield
        finally:
            await run_in_threadpool(services.database.close)

    app = FastAPI(
        title="Shardplan",
        version=ENGINE_VERSION,
        description="Predicts the GPU memory of distributed training and says whether a job fits.",
        lifespan=lifespan,
        openapi_url=None,  # `install_openapi` serves ours
        # Their scripts are inline and from another host: our content security policy forbids both.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    app.state.services = services
    app.state.lifecycle = Lifecycle()
    app.state.metrics = Metrics(services)
    app.state.workspaces = workspaces
    app.router.routes.extend([*health.router.routes, *api.ROUTES, *web.ROUTES])
    app.add_api_route("/favicon.ico", favicon, include_in_schema=False)
    app.mount("/static", CachedStaticFiles(directory=STATIC_FOLDER), name="static")
    by_key = settings.access == "keys"
    one_host = not by_key and not settings.allow_remote
    install_openapi(app, lambda: response_examples(services), one_host=one_host, by_key=by_key)
    install_error_handlers(app, render_error)
    # The last one added is the outermost.
    app.add_middleware(HeadMiddleware)
    app.add_middleware(JsonBodyMiddleware, prefix=PREFIX)
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.max_body_bytes)
    if by_key:
        app.add_middleware(AccessMiddleware, access=services.access, limiter=limiter_of(settings))
    app.add_middleware(CrossSiteMiddleware)
    # With keys another site's page gains nothing here: it has neither a key nor the cookie.
    if one_host:
        app.add_middleware(KnownHostMiddleware, host=settings.host)
    app.add_middleware(ErrorMiddleware)
    app.add_middleware(PrivateMiddleware)
    app.add_middleware(SecurityHeadersMiddleware)
    app.add_middleware(DrainingMiddleware, lifecycle=app.state.lifecycle)
    app.add_middleware(ObservingMiddleware, product=app, metrics=app.state.metrics)
    app.add_middleware(RequestIdMiddleware)
    return app


def main() -> int:
    """Serves until it is stopped; the exit status is 2 when it cannot start."""
    try:
        settings = Settings()
        configure_logging(settings.log_format)
        app = create_app(settings)
        app.state.services.database.open()
    except ValidationError as error:
        for problem in error.errors():
            name = "".join(str(part) for part in problem["loc"])
            name = f"SHARDPLAN_{name.upper()}" if name in Settings.model_fields else name
            message = problem["msg"].removeprefix("Value error, ")
            sys.stderr.write(f"{name}: {message}\n" if name else f"{message}\n")
        return 2
    except (ValueError, SchemaTooNew) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except StorageUnavailable as error:
        sys.stderr.write(f"The database cannot be opened: {error.__cause__ or error}\n")
        return 2
    warming = threading.Thread(target=_warm_up, args=(app.state.services,), daemon=True)
    serve(
        app,
        host=settings.host,
        port=settings.port,
        trusted_proxies=settings.trusted_proxies,
        grace_seconds=settings.shutdown_grace_seconds,
        on_started=warming.start,
    )
    return 0


def _warm_up(services: Services) -> None:
    """Does, beside the first requests, what the start need not wait for."""
    services.estimator.warm_up()
    import_module("app.web.pdf.document")
    # Catalogue and code live as long as the process: collections that walk them stall for 0.1 s.
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
