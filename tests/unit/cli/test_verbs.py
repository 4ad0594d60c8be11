"""The users' verbs against a gateway of the test: what is repeated, what is said, and with which exit code."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from docward.cli import codes, show
from docward.cli.client import Client, ClientError
from docward.cli.main import app

ACCEPTED = {"operation_id": "6f1c", "document_id": "0b7e"}


def problem(status: int, code: str) -> tuple[int, dict[str, Any]]:
    return status, {"title": "Refused", "detail": "as said", "code": code}


class Gateway:
    """Answers requests with what it was given, in turn, and again with the last; remembers idempotency keys."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.methods: list[str] = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                gateway.keys.append(self.headers.get("Idempotency-Key"))
                self.do_GET()

            do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815  # names of the library

            def do_GET(self) -> None:
                gateway.paths.append(self.path)
                gateway.methods.append(self.command)
                status, body = gateway.answers.pop(0) if len(gateway.answers) > 1 else gateway.answers[0]
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    gateway = Gateway()
    monkeypatch.setenv("DOCWARD_API_URL", gateway.url)
    monkeypatch.setenv("DOCWARD_TOKEN", "any")
    yield gateway
    gateway.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "spec.md"
    file.write_text("# Spec\n")
    return file


def test_a_submission_is_repeated_under_its_key_while_a_server_is_started_again(gateway: Gateway, file: Path) -> None:
    gateway.answers = [problem(503, "database-unavailable"), problem(409, "request-in-progress"), (202, ACCEPTED)]
    assert Client(gateway.url, "any", patience=10).submit(file, repositories=[], tags=[]) == ACCEPTED
    assert len(gateway.keys) == 3
    assert len(set(gateway.keys)) == 1


def test_a_file_that_is_refused_does_not_hold_up_the_next(gateway: Gateway, file: Path) -> None:
    gateway.answers = [problem(415, "unsupported-type"), (202, ACCEPTED)]
    result = CliRunner().invoke(app, ["submit", "--json", str(file), "nowhere.md", str(file)])
    assert result.exit_code == codes.USAGE
    refused, absent, accepted = json.loads(result.stdout)
    assert "unsupported-type" in refused["error"]
    assert absent == {"file": "nowhere.md", "error": "No such file or directory"}
    assert accepted == {"file": str(file), **ACCEPTED}
    assert f"{file}: Refused" in result.stderr


def test_a_document_that_nobody_has_seen_does_not_exist(gateway: Gateway) -> None:
    gateway.answers = [problem(404, "not-found")]
    with pytest.raises(ClientError) as caught:
        list(Client(gateway.url, "any").until_finished("0b7e", 60, unseen=0.01))
    assert caught.value.code == codes.NOT_FOUND


def test_a_pack_that_is_there_already_is_no_failure(gateway: Gateway, file: Path) -> None:
    repository = {"repository_id": "77af", "name": "rules", "latest_release": 2}
    status, unchanged = problem(409, "unchanged")
    gateway.answers = [
        (status, {**unchanged, "operation_id": "6f1c"}),
        (200, {"repository_id": "77af"}),
        (200, {"items": [repository], "next_cursor": None}),
    ]
    result = CliRunner().invoke(app, ["import", str(file)])
    assert (result.exit_code, result.stdout) == (codes.OK, f"{file}: rules@2\n")


@pytest.mark.parametrize("show_it", [show.findings, show.verdicts])
def test_a_document_that_was_not_analysed_is_not_shown_as_one_without_findings(
    show_it: Callable[[Console, dict[str, Any], list[dict[str, Any]]], None],
) -> None:
    document = {"title": "Scan", "document_id": "0b7e", "status": "conversion-failed", "analyzed_version": None}
    console = Console(file=StringIO(), width=200)
    show_it(console, {**document, "failure_detail": "The pages are pictures."}, [])
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "none" not in said
    assert "The pages are pictures." in said or show_it is show.verdicts


def test_findings_are_answered_together_and_applied(gateway: Gateway) -> None:
    document = {"title": "T", "document_id": "0b7e", "current_version": 2}
    gateway.answers = [(200, document)]
    given = CliRunner().invoke(app, ["answer", "0b7e", "reject", "f1", "f2", "--reason", "no"])
    assert (given.exit_code, given.stdout) == (codes.OK, "0b7e: 2 answered (reject)\n")
    made = CliRunner().invoke(app, ["apply", "0b7e", "f1"])
    assert (made.exit_code, made.stdout) == (codes.OK, "0b7e: version 2\n")
    refused = (409, {**problem(409, "not-applicable")[1], "changes": [{"finding": "f1", "message": "It is old."}]})
    gateway.answers = [refused]
    stale = CliRunner().invoke(app, ["apply", "0b7e", "f1"])
    assert (stale.exit_code, "f1: It is old." in stale.stderr) == (codes.FAILED, True)
    assert all(gateway.keys)


@pytest.mark.parametrize(
    "options", [["reject"], ["modify"], ["accept", "--text", "x"], ["reject", "--reason", "no", "--comment", "c"]]
)
def test_an_answer_has_what_its_verb_needs_and_nothing_else(gateway: Gateway, options: list[str]) -> None:
    verb, *rest = options
    assert CliRunner().invoke(app, ["answer", "0b7e", verb, "f1", *rest]).exit_code == codes.USAGE
    assert gateway.keys == []


def test_a_report_is_printed_or_written_as_it_comes(gateway: Gateway, tmp_path: Path) -> None:
    gateway.answers = [(200, {"schema_version": "review.v1", "documents": []})]
    printed = CliRunner().invoke(app, ["report", "0b7e", "--format", "json"])
    assert (printed.exit_code, json.loads(printed.output)) == (0, gateway.answers[0][1])
    file = tmp_path / "report.json"
    assert CliRunner().invoke(app, ["report", "0b7e", "-f", "json", "-o", str(file)]).exit_code == 0
    assert file.read_text() == printed.output
    assert gateway.paths == ["/api/v1/analyses/0b7e/report?format=json"] * 2


def test_a_report_of_an_unfinished_analysis_is_refused(gateway: Gateway) -> None:
    gateway.answers = [problem(409, "not-completed")]
    result = CliRunner().invoke(app, ["report", "0b7e"])
    assert result.exit_code == codes.FAILED
    assert "as said" in result.output


def test_a_comparison_counts_and_names_the_findings(gateway: Gateway) -> None:
    gateway.answers = [(200, {"compared_with": "0a11", "new": ["f1"], "persisting": [], "resolved": ["f2", "f3"]})]
    result = CliRunner().invoke(app, ["compare", "0b7e", "0a11"])
    assert result.output.splitlines() == ["compared with 0a11", "new: 1 f1", "persisting: 0", "resolved: 2 f2 f3"]
    assert gateway.paths == ["/api/v1/analyses/0b7e/comparison?with=0a11"]
    as_json = CliRunner().invoke(app, ["compare", "0b7e", "--json"])
    assert json.loads(as_json.output) == gateway.answers[0][1]


def test_the_first_analysis_is_compared_with_nothing(gateway: Gateway) -> None:
    gateway.answers = [(200, {"compared_with": None, "new": ["f1"], "persisting": [], "resolved": []})]
    assert "nothing: it is the first completed one" in CliRunner().invoke(app, ["compare", "0b7e"]).output
