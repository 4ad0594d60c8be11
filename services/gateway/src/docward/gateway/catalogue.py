"""The catalogue of messages: the generated AsyncAPI document as it is, and a page that shows it.

For everybody, signed in or not: it holds names and shapes, no data. The page loads nothing from elsewhere.
"""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
"""Content-Security-Policy of the pages that describe: their own text, and data from this gateway."""


def catalogue() -> APIRouter:
    router = APIRouter(include_in_schema=False)
    package = files(__package__)
    document = package.joinpath("asyncapi.json").read_bytes()
    page = package.joinpath("catalogue.html").read_text(encoding="utf-8")

    @router.get("/asyncapi")
    async def asyncapi() -> Response:
        return Response(document, media_type="application/json")

    @router.get("/asyncapi/")
    async def messages() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY})

    return router
