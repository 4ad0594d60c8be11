"""The gateway's process, and its HTTP application: every address, one handler for errors, one description."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse

from docward.events.policies import Pack
from docward.events.topics import TOPICS
from docward.gateway import problems
from docward.gateway.auth import Authenticator, authenticated
from docward.gateway.catalogue import PAGE_POLICY, catalogue
from docward.gateway.context import API, Gateway
from docward.gateway.idempotency import PostgresIdempotencyKeys
from docward.gateway.middleware import Heard, Measured
from docward.gateway.monitor import Monitor
from docward.gateway.operators import Operators
from docward.gateway.progress import ProgressReader
from docward.gateway.publishing import Prompt, Publishing
from docward.gateway.read_model import CHANNEL, ReadModel
from docward.gateway.routes import (
    admin,
    analyses,
    audit,
    changes,
    content,
    documents,
    findings,
    groups,
    live,
    me,
    operations,
    reports,
    repositories,
    submissions,
    suites,
    versions,
)
from docward.gateway.settings import GatewaySettings
from docward.runtime.infrastructure import infrastructure, patiently
from docward.runtime.postgres import SESSION, Pool, connect_pool
from docward.runtime.projections import READER_ROLE
from docward.runtime.pruning import Pruning
from docward.runtime.service import Ready, Watched, health_routes, serve_app, stale

SCHEMA = "gateway"
READING = {**SESSION, "plan_cache_mode": "force_custom_plan", "default_transaction_read_only": "on"}
"""A plan for any caller and any filter fits none: lists took 60 times as long with it as with a plan of their own."""
READ_AND_REFUSED_BYTES = 256 * 1024 * 1024
"""Of a body that is not wanted: its client learns why."""
BODY_IDLE_SECONDS = 30.0
"""Between two pieces of a body; a client that says nothing for so long holds a place for nothing."""
VERSION = version("docward-gateway")
DESCRIPTION = """Submit documents, read what was found in them, and answer it.

Whatever changes something is answered by **202** and the `Location` of its operation: the command is durable, and its
outcome appears there. `Prefer: wait=N` waits up to N seconds for the outcome instead. `Idempotency-Key` makes a request
safe to repeat. `If-Match` refuses to change what has changed meanwhile. Errors are problem documents (RFC 9457).
"""


async def main(settings: GatewaySettings, stopping: asyncio.Event) -> None:
    migrations = [files(__package__) / "migrations"]
    size = settings.postgres.pool_size
    dsn = settings.postgres.dsn.get_secret_value()

    def reading() -> Coroutine[Any, Any, Pool]:
        return connect_pool(dsn, name="gateway-reads", schema="read", size=size, role=READER_ROLE, session=READING)

    async with (
        infrastructure("gateway", settings, schema=SCHEMA, migrations=migrations, topics=TOPICS) as around,
        await patiently("postgres", reading) as reads,
    ):
        keys = PostgresIdempotencyKeys(around.pool)
        publishing = Publishing(Prompt(around.publisher), keys)
        operators = Operators(dsn, settings.kafka)
        gateway = Gateway(reads, around.objects, publishing, settings.uploads.max_bytes, operators=operators)
        around.listener.on(CHANNEL, gateway.read_model.notified)
        monitor = Monitor(reads, settings.kafka.bootstrap_servers)
        key = bytes.fromhex(settings.signing.key.get_secret_value())
        background: list[Watched] = [
            around.listener,
            ProgressReader(gateway.progress, settings.kafka),
            Pruning("idempotency-keys-pruning", keys.forget_old),
        ]
        app = create_app(gateway, Authenticator(key), lambda: {**monitor.problems(), **stale([monitor, *background])})
        ending = asyncio.create_task(_end_streams(gateway.read_model, stopping))
        try:
            await serve_app(app, settings.http, [monitor], background, stopping)
        finally:
            ending.cancel()
            operators.close()


async def _end_streams(read_model: ReadModel, stopping: asyncio.Event) -> None:
    """An open stream of live events would hold up the end of the process."""
    await stopping.wait()
    read_model.close()


def create_app(gateway: Gateway, authenticator: Authenticator, ready: Ready) -> FastAPI:
    """The application around its parts. It starts and stops nothing itself."""
    app = FastAPI(
        title="Docward",
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.gateway = gateway
    app.state.authenticator = authenticator
    problems.install(app)
    app.add_middleware(Heard, max_bytes=READ_AND_REFUSED_BYTES, idle_seconds=BODY_IDLE_SECONDS)
    app.add_middleware(Measured)
    api = APIRouter(prefix=API, dependencies=[Depends(authenticated)])
    for module in (
        submissions,
        documents,
        versions,
        content,
        findings,
        changes,
        analyses,
        reports,
        groups,
        suites,
        repositories,
        operations,
        audit,
        live,
        me,
        admin,
    ):
        api.include_router(module.router)
    app.include_router(api)
    app.include_router(_entrance())
    app.include_router(catalogue())
    app.router.routes.extend(health_routes(ready))
    app.openapi = _described(app)  # type: ignore[method-assign]  # as FastAPI's documentation does it
    return app


def _entrance() -> APIRouter:
    router = APIRouter(include_in_schema=False)
    page = files(__package__).joinpath("docs.html").read_text(encoding="utf-8")

    @router.get("/")
    async def index() -> dict[str, Any]:
        return {
            "name": "Docward",
            "version": VERSION,
            "links": {
                "documents": f"{API}/documents",
                "document-groups": f"{API}/document-groups",
                "policy-repositories": f"{API}/policy-repositories",
                "operations": f"{API}/operations",
                "audit": f"{API}/audit",
                "me": f"{API}/me",
                "docs": "/docs",
                "openapi": "/openapi.json",
                "messages": "/asyncapi/",
                "asyncapi": "/asyncapi",
                "ready": "/health/ready",
                "metrics": "/metrics",
            },
        }

    @router.get("/docs")
    async def docs() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY})

    return router


def _described(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The OpenAPI document, with the schemas that are referred to by hand."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schemas = document["components"]["schemas"]
            for model in (problems.Problem, Pack):
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="validation")
                schemas.update({name: part for name, part in schema.pop("$defs", {}).items() if name not in schemas})
                schemas[model.__name__] = schema
            app.openapi_schema = document
        return app.openapi_schema

    return openapi
