"""Every answer of the gateway is held against its own description."""

from __future__ import annotations

import re
from typing import Any

import httpx
from jsonschema import Draft202012Validator


class Described:
    """A hook for clients: an answer of a described address must have a described status, media type and shape."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._paths = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in document["paths"]]
        self.seen: set[tuple[str, str, str]] = set()

    async def __call__(self, response: httpx.Response) -> None:
        found = self._responses(response.request)
        if found is None:
            return
        path, method, responses = found
        status = str(response.status_code)
        assert status in responses, f"{method} {path} answers {status}, which its description does not know"
        self.seen.add((method, path, status))
        content = responses[status].get("content")
        if content is None:
            assert not await response.aread()
            return
        media_type = response.headers["content-type"].partition(";")[0]
        known = {"application/octet-stream", *content} if "application/octet-stream" in content else set(content)
        assert media_type in known or "application/octet-stream" in known, f"{method} {path} answers {media_type}"
        if media_type.endswith("json"):
            self._check(await response.aread(), response, content[media_type]["schema"])

    def _responses(self, request: httpx.Request) -> tuple[str, str, dict[str, Any]] | None:
        method = request.method.lower()
        exact = [path for pattern, path in self._paths if pattern.fullmatch(request.url.path)]
        for path in sorted(exact, key=lambda path: path.count("{")):
            if method in self._document["paths"][path]:
                return path, method, self._document["paths"][path][method]["responses"]
        return None

    def _check(self, body: bytes, response: httpx.Response, schema: dict[str, Any]) -> None:
        assert body
        Draft202012Validator({**schema, "components": self._document["components"]}).validate(response.json())
