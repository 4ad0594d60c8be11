"""The REST API as the command uses it: every error is one exception with the exit code that fits it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from docward.cli import codes
from docward.gateway.auth import development_token
from docward.localstack.control import read_status
from docward.localstack.environment import load_secrets

API = "/api/v1"
FINISHED = {"analyzed", "analysis-failed", "conversion-failed", "deleted"}
"""Statuses in which nothing more happens to a document by itself."""

Json = dict[str, Any]


class ClientError(Exception):
    """What went wrong, for a person, and the exit code of the command."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Client:
    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url + API, headers={"Authorization": f"Bearer {token}"}, timeout=httpx.Timeout(60, connect=5)
        )

    def submit(self, file: Path, *, repositories: list[str], tags: list[str], key: str | None = None) -> Json:
        """The accepted operation: `operation_id`, `document_id`."""
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ClientError(f"{file}: {error.strerror}", codes.USAGE) from error
        params: list[tuple[str, str | int | float | bool | None]] = [("filename", file.name)]
        params += [("repositories", name) for name in repositories] + [("tags", tag) for tag in tags]
        headers = {"Content-Type": "application/octet-stream"} | ({"Idempotency-Key": key} if key else {})
        return self._json("POST", "/documents", params=params, content=content, headers=headers)

    def import_pack(self, pack: bytes, *, wait: int = 30) -> Json:
        headers = {"Content-Type": "application/yaml", "Prefer": f"wait={wait}"}
        return self._json("POST", "/policy-repositories/import", content=pack, headers=headers)

    def repositories(self) -> list[Json]:
        return list(self._pages("/policy-repositories"))

    def documents(self, **filters: str) -> list[Json]:
        return list(self._pages("/documents", **filters))

    def document(self, ident: str) -> Json:
        return self._json("GET", f"/documents/{ident}")

    def findings(self, ident: str) -> list[Json]:
        return [f for f in self._pages(f"/documents/{ident}/findings") if f["present"]]

    def verdicts(self, ident: str) -> list[Json]:
        return list(self._pages(f"/documents/{ident}/verdicts"))

    def operation(self, ident: str) -> Json:
        return self._json("GET", f"/operations/{ident}")

    def until_finished(self, ident: str, timeout: float) -> Iterator[Json]:
        """The document whenever its status has changed, until nothing more happens to it. Raises after `timeout` s."""
        deadline = time.monotonic() + timeout
        seen = None
        while seen not in FINISHED:
            if time.monotonic() > deadline:
                raise ClientError(f"{ident} is still {seen or 'not visible'} after {timeout:g} s", codes.TIMED_OUT)
            try:
                document = self.document(ident)
            except ClientError as error:
                if error.code not in {codes.NOT_FOUND, codes.NOT_RUNNING}:
                    raise
                time.sleep(0.2)  # accepted and not yet visible, or a gateway that is being started again
                continue
            if document["status"] != seen:
                seen = document["status"]
                yield document
            else:
                time.sleep(0.1)

    def _pages(self, path: str, **filters: str) -> Iterator[Json]:
        cursor: str | None = None
        while True:
            page = self._json("GET", path, params={**filters, "limit": "100", **({"cursor": cursor} if cursor else {})})
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _json(self, method: str, path: str, **request: Any) -> Json:
        try:
            answer = self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise ClientError(f"nothing answers at {self.url}: {error}", codes.NOT_RUNNING) from error
        if answer.is_error:
            raise _problem(answer)
        body: Json = answer.json()
        return body


def _problem(answer: httpx.Response) -> ClientError:
    by_status = {401: codes.DENIED, 403: codes.DENIED, 404: codes.NOT_FOUND, 410: codes.NOT_FOUND}
    by_status |= dict.fromkeys((400, 413, 415, 422), codes.USAGE) | {503: codes.NOT_RUNNING}
    try:
        problem = answer.json()
        text = f"{problem['title']}: {problem['detail']} ({problem['code']})"
        text += "".join(f"\n  {each['field']} {each['message']}" for each in problem.get("errors") or ())
    except (ValueError, KeyError, TypeError):
        text = f"HTTP {answer.status_code}"
    return ClientError(text, by_status.get(answer.status_code, codes.FAILED))


def connect(data_dir: Path) -> Client:
    """DOCWARD_API_URL with DOCWARD_TOKEN, else the local stack of `data_dir` with a token of its own."""
    url, token = os.environ.get("DOCWARD_API_URL"), os.environ.get("DOCWARD_TOKEN")
    if url and token:
        return Client(url, token)
    if url or token:
        raise ClientError("set both DOCWARD_API_URL and DOCWARD_TOKEN, or neither", codes.USAGE)
    status = read_status(data_dir)
    if status.gateway_url is None:
        raise ClientError(f"nothing runs in {data_dir}; start it with: docward up", codes.NOT_RUNNING)
    return Client(status.gateway_url, local_token(data_dir))


def local_token(data_dir: Path) -> str:
    return development_token(bytes.fromhex(load_secrets(data_dir)["gateway"]))
