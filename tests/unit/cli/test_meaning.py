"""What is built from what, on the command line."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from docward.cli.main import app
from unit.cli.test_verbs import Gateway, gateway

__all__ = ["gateway"]

GRAPH = {
    "nodes": [
        {"id": "1", "kind": "definition", "name": "Spread"},
        {"id": "2", "kind": "formula", "name": "S"},
        {"id": "3", "kind": "formula", "name": "T"},
    ],
    "edges": [
        {"source": "2", "target": "1", "kind": "formula-input"},
        {"source": "3", "target": "2", "kind": "computed-from"},
    ],
    "order": ["1", "2", "3"],
    "cycles": [],
    "focus": None,
}
FOCUS = {"ids": ["2"], "uses": ["1"], "used_by": ["3"], "ancestors": ["1"], "descendants": ["3"]}


def test_the_graph_is_read_from_what_is_used_to_what_uses_it(gateway: Gateway) -> None:
    gateway.answers = [(200, GRAPH)]
    shown = CliRunner().invoke(app, ["graph", "0b7e"])
    assert shown.output.splitlines() == ["Spread", "S ← Spread", "T ← S"]
    assert json.loads(CliRunner().invoke(app, ["graph", "0b7e", "--json"]).output) == GRAPH


def test_one_term_has_its_inputs_and_its_reach_and_cycles_are_told(gateway: Gateway) -> None:
    gateway.answers = [(200, GRAPH | {"focus": FOCUS, "cycles": [["2", "3"]]})]
    shown = CliRunner().invoke(app, ["graph", "0b7e", "--of", "S", "--version", "2"])
    assert shown.output.splitlines() == [
        "S", "uses: Spread", "used by: T", "built from: Spread", "a change reaches: T", "cycle: S, T",
    ]  # fmt: skip
    assert gateway.paths == ["/api/v1/documents/0b7e/graph?version=2&of=S"]


def test_the_ir_is_printed_as_it_comes(gateway: Gateway) -> None:
    gateway.answers = [(200, {"schema_version": "ir.v1"})]
    assert json.loads(CliRunner().invoke(app, ["ir", "0b7e"]).output) == gateway.answers[0][1]
    assert CliRunner().invoke(app, ["ir", "0b7e", "--text"]).exit_code == 0
    assert gateway.paths == [f"/api/v1/documents/0b7e/ir?form={form}" for form in ("json", "text")]
