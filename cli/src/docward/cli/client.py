"""The REST API as the command uses it: every error is one exception with the exit code that fits it."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import httpx

from docward.cli import codes
from docward.gateway.auth import development_token
from docward.localstack.control import read_status
from docward.localstack.environment import load_secrets

API = "/api/v1"
FINISHED = {"analyzed", "analysis-failed", "conversion-failed", "deleted"}
"""Statuses in which nothing more happens to a document by itself."""

UNKNOWN = {"unknown-version", "unknown-document"}
"""Codes of problems with a body that names what is not there."""
PATIENCE_S = 30.0
"""How long the local stack's gateway may be away: its supervisor starts it, and the servers behind it, again."""
UNSEEN_S = 10.0
"""After so long a document that nobody has seen does not exist; from accepted to visible it takes a second at most."""

Json = dict[str, Any]
Of = Literal["documents", "document-groups"]


class ClientError(Exception):
    """What went wrong, for a person, the exit code of the command, and the problem document if there was one.

    `passing`: the same request may succeed a little later.
    """

    def __init__(self, message: str, code: int, *, problem: Json | None = None, passing: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.problem = problem or {}
        self.passing = passing


class Client:
    """Requests are repeated for `patience` seconds while nothing answers; those that change something carry a key
    under which they have one effect."""

    def __init__(self, url: str, token: str, *, patience: float = 0) -> None:
        self.url = url.rstrip("/")
        self._patience = patience
        self._http = httpx.Client(
            base_url=self.url + API, headers={"Authorization": f"Bearer {token}"}, timeout=httpx.Timeout(60, connect=5)
        )

    def submit(self, file: Path, *, repositories: list[str], tags: list[str], title: str | None = None) -> Json:
        """The accepted operation: `operation_id`, `document_id`. Without a title the file's name is one."""
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ClientError(str(error.strerror), codes.USAGE) from error
        params: list[tuple[str, str | int | float | bool | None]] = [("filename", file.name)]
        params += [("repositories", name) for name in repositories] + [("tags", tag) for tag in tags]
        params += [("title", title)] if title else []
        headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": str(uuid.uuid4())}
        return self._json("POST", "/documents", params=params, content=content, headers=headers)

    def import_pack(self, pack: bytes, *, wait: int = 30) -> Json:
        """The repository; as it was, when its newest release holds exactly these policies."""
        headers = {"Content-Type": "application/yaml", "Prefer": f"wait={wait}", "Idempotency-Key": str(uuid.uuid4())}
        try:
            answer = self._json("POST", "/policy-repositories/import", content=pack, headers=headers)
        except ClientError as error:
            if error.problem.get("code") != "unchanged":
                raise
            of_pack = self.operation(error.problem["operation_id"])["repository_id"]
            return next(each for each in self.repositories() if each["repository_id"] == of_pack)
        if "name" not in answer:
            raise ClientError(f"accepted, and not imported within {wait} s", codes.TIMED_OUT)
        return answer

    def repositories(self) -> list[Json]:
        return list(self._pages("/policy-repositories"))

    def documents(self, **filters: str) -> list[Json]:
        return list(self._pages("/documents", **filters))

    def document(self, ident: str) -> Json:
        return self._json("GET", f"/documents/{ident}")

    def findings(self, ident: str, *, of: Of = "documents") -> list[Json]:
        return [f for f in self._pages(f"/{of}/{ident}/findings") if f["present"]]

    def verdicts(self, ident: str, *, of: Of = "documents") -> list[Json]:
        return list(self._pages(f"/{of}/{ident}/verdicts"))

    def answer(self, ident: str, answers: Json, *, of: Of = "documents", wait: int = 30) -> Json:
        """The document or group, with all of these answers given."""
        return self._written(f"/{of}/{ident}/findings/answers", answers, wait, "answered")

    def apply(self, ident: str, fingerprints: list[str] | None, *, wait: int = 30) -> Json:
        """The document, with the version that is being made of what was accepted."""
        return self._written(f"/documents/{ident}/changes", {"findings": fingerprints}, wait, "changed")

    def versions(self, ident: str) -> list[Json]:
        return list(self._pages(f"/documents/{ident}/versions"))

    def difference(self, ident: str, before: int, after: int) -> Json:
        return self._json("GET", f"/documents/{ident}/versions/{before}/diff/{after}")

    def restore(self, ident: str, version: int, *, wait: int = 30) -> Json:
        """The document, with the version that is being made of an earlier one."""
        return self._written(f"/documents/{ident}/restore", {"version": version}, wait, "restored")

    def convert_again(self, ident: str, version: int | None, *, wait: int = 30) -> Json:
        return self._written(f"/documents/{ident}/conversion", {"version": version}, wait, "taken up")

    def ir(self, ident: str, version: int | None, *, text: bool = False) -> str:
        """JSON, or the compact text form."""
        return self._text(f"/documents/{ident}/ir", version, {"form": "text" if text else "json"})

    def graph(self, ident: str, version: int | None, of: str | None) -> Json:
        """The dependency graph, or what it says of one of its nodes, by id or name."""
        params = {name: value for name, value in (("version", version), ("of", of)) if value is not None}
        return self._json("GET", f"/documents/{ident}/graph", params=params)

    def _text(self, path: str, version: int | None, params: Json) -> str:
        wanted = params | ({"version": version} if version else {})
        return str(self._once("GET", path, params=wanted, raw=True)["text"])

    def groups(self, **filters: str) -> list[Json]:
        return list(self._pages("/document-groups", **filters))

    def group(self, ident: str) -> Json:
        return self._json("GET", f"/document-groups/{ident}")

    def change_group(self, method: str, path: str, body: Json | None = None, *, wait: int = 30) -> Json:
        """The group as it is then. `path` below that of all groups."""
        return self._written(f"/document-groups{path}", body, wait, "done", method=method)

    def delete_group(self, ident: str, reason: str, *, wait: int = 30) -> Json:
        """The operation."""
        path, params = f"/document-groups/{ident}", {"reason": reason}
        return self._written(path, None, wait, "deleted", method="DELETE", sign="status", params=params)

    def analyse_group(self, ident: str, repositories: list[str] | None, timeout: float) -> Json:
        """The analysis when it has ended. Raises after `timeout` s."""
        deadline = time.monotonic() + timeout
        body = {} if repositories is None else {"repositories": repositories}
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        asked = self._json("POST", f"/document-groups/{ident}/analyses", json=body, headers=headers)
        while True:
            operation = self.operation(asked["operation_id"])
            if operation["status"] == "rejected":
                raise ClientError(f"{operation['detail']} ({operation['code']})", codes.FAILED)
            if operation["status"] in {"succeeded", "failed"} and operation["visible"]:
                found = self._pages(f"/document-groups/{ident}/analyses")
                return next(each for each in found if each["analysis_id"] == operation["analysis_id"])
            if time.monotonic() > deadline:
                raise ClientError(f"the analysis of {ident} is still {operation['status']}", codes.TIMED_OUT)
            time.sleep(0.2)

    def apply_in_group(self, ident: str, document: str, *, wait: int = 30) -> Json:
        """The document, with the version that is being made of what was accepted of the group's findings."""
        return self._written(f"/document-groups/{ident}/members/{document}/changes", {}, wait, "changed")

    def _written(
        self,
        path: str,
        body: Json | None,
        wait: int,
        done: str,
        *,
        method: str = "POST",
        sign: str = "title",
        **more: Any,
    ) -> Json:
        """What was changed, or is so: told from an operation that was only accepted by its `sign`."""
        headers = {"Prefer": f"wait={wait}", "Idempotency-Key": str(uuid.uuid4())}
        answer = self._json(method, path, json=body, headers=headers, **more)
        if sign not in answer:
            raise ClientError(f"accepted, and not {done} within {wait} s", codes.TIMED_OUT)
        return answer

    def report(self, analysis: str, form: str) -> str:
        """The text of an analysis' report."""
        return str(self._once("GET", f"/analyses/{analysis}/report", params={"format": form}, raw=True)["text"])

    def comparison(self, analysis: str, other: str | None) -> Json:
        return self._json("GET", f"/analyses/{analysis}/comparison", params={"with": other} if other else {})

    def operation(self, ident: str) -> Json:
        return self._json("GET", f"/operations/{ident}")

    def until_finished(self, ident: str, timeout: float, *, unseen: float | None = None) -> Iterator[Json]:
        """The document whenever its status has changed, until nothing more happens to it. Raises after `timeout` s,
        after `unseen` s without such a document, and when nothing answers for longer than a restart takes."""
        started = heard = time.monotonic()
        allowed = {codes.NOT_FOUND: unseen or timeout, codes.NOT_RUNNING: PATIENCE_S}
        seen = None
        while seen not in FINISHED:
            if time.monotonic() > started + timeout:
                raise ClientError(f"{ident} is still {seen or 'not visible'} after {timeout:g} s", codes.TIMED_OUT)
            try:
                document = self._once("GET", f"/documents/{ident}")
            except ClientError as error:
                if time.monotonic() > heard + allowed.get(error.code, 0):
                    raise
                time.sleep(0.2)  # accepted and not yet visible, or a gateway that is being started again
                continue
            heard = time.monotonic()
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
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return self._once(method, path, **request)
            except ClientError as error:
                if not error.passing or time.monotonic() > deadline:
                    raise
            time.sleep(0.2)

    def _once(self, method: str, path: str, *, raw: bool = False, **request: Any) -> Json:
        try:
            answer = self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise ClientError(f"nothing answers at {self.url}: {error}", codes.NOT_RUNNING, passing=True) from error
        if answer.is_error:
            raise _problem(answer)
        body: Json = {"text": answer.text} if raw else answer.json()
        return body


def _problem(answer: httpx.Response) -> ClientError:
    by_status = {401: codes.DENIED, 403: codes.DENIED, 404: codes.NOT_FOUND, 410: codes.NOT_FOUND}
    by_status |= dict.fromkeys((400, 413, 415, 422), codes.USAGE) | {503: codes.NOT_RUNNING}
    problem: Json = {}
    try:
        problem = answer.json()
        text = f"{problem['title']}: {problem['detail']} ({problem['code']})"
        text += "".join(f"\n  {each['field']} {each['message']}" for each in problem.get("errors") or ())
        text += "".join(f"\n  {each['finding']}: {each['message']}" for each in problem.get("changes") or ())
    except (ValueError, KeyError, TypeError):
        problem, text = {}, f"HTTP {answer.status_code}"
    code = codes.NOT_FOUND if problem.get("code") in UNKNOWN else by_status.get(answer.status_code, codes.FAILED)
    passing = answer.status_code == httpx.codes.SERVICE_UNAVAILABLE or problem.get("code") == "request-in-progress"
    return ClientError(text, code, problem=problem, passing=passing)


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
    return Client(status.gateway_url, local_token(data_dir), patience=PATIENCE_S)


def local_token(data_dir: Path, **claims: Any) -> str:
    """For the stack of `data_dir`, with the claims of `development_token`."""
    return development_token(bytes.fromhex(load_secrets(data_dir)["gateway"]), **claims)
