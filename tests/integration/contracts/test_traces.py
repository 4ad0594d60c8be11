"""One trace from the gateway's answer to the read model, also for who was set aside on the way, and in a replay."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_hex

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from docward.events.topics import CONVERTER_DEAD_LETTERS
from installation import KEYS, Installation, until
from integration.cli.test_projections import said
from integration.contracts.log import read

WHY = ("--why", "the key is known", "--json")


@dataclass
class Collector:
    """Takes spans as an OpenTelemetry collector does."""

    address: str = ""
    spans: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    """Trace to (service, name) of each span."""

    def take(self, body: bytes) -> None:
        for of_service in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {each.key: each.value.string_value for each in of_service.resource.attributes}
            for scope in of_service.scope_spans:
                for span in scope.spans:
                    self.spans[span.trace_id.hex()].append((names["service.name"], span.name))


@pytest.fixture
def collector() -> Iterator[Collector]:
    one = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            one.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield one
    server.shutdown()
    server.server_close()


STEPS = {
    ("docward-gateway", "send document-commands"),
    ("docward-converter", "decide submit-document"),
    ("docward-converter", "job convert"),
    ("docward-analyzer", "react request-analysis"),
    ("docward-analyzer", "decide request-analysis"),
    ("docward-analyzer", "job analyse"),
    ("docward-projector", "project document-submitted"),
    ("docward-projector", "project document-converted"),
    ("docward-projector", "project analysis-completed"),
}


async def test_a_document_has_one_trace_through_park_and_replay(
    installation: Installation, collector: Collector
) -> None:
    place = installation
    exported = {"DOCWARD_TELEMETRY__OTLP_ENDPOINT": collector.address, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    unknown = {name: key for name, key in KEYS.items() if name != "gateway"}
    place.start("gateway", "analyzer", "projector", **exported)
    place.start("converter", **exported, DOCWARD_KEYRING=json.dumps(unknown))
    await place.ready()
    traces = [token_hex(16) for _ in range(5)]
    with place.api() as client:
        for number, trace in enumerate(traces):
            answer = client.post(
                "/documents",
                params={"filename": f"{number}.md"},
                content=b"# Index\n\nThe index is rebalanced every quarter.\n",
                headers={"Content-Type": "text/markdown", "traceparent": f"00-{trace}-{token_hex(8)}-01"},
            )
            assert answer.status_code == 202, answer.text

        async def parked() -> bool:
            rows = await place.fetch("select reason from converter.parked where mirrored")
            return [row["reason"] for row in rows] == ["bad-signature"] * len(traces)

        await until(parked)
        letters = [dict(letter.headers)["dlq-trace"] or b"" for letter in await read(place, CONVERTER_DEAD_LETTERS)]
        assert {letter.decode().split("-")[1] for letter in letters} == set(traces)

        place.stop("converter")
        place.start("converter", **exported)
        await place.ready("converter")
        outcomes = await said(place, "parked", "redrive", "--all", *WHY)
        assert [each["outcome"] for each in outcomes] == ["redriven"] * len(traces)

        async def analysed() -> bool:
            items = client.get("/documents").json()["items"]
            return [each["status"] for each in items] == ["analyzed"] * len(traces)

        await until(analysed, within=90)

    async def whole() -> bool:
        return all(set(collector.spans[trace]) >= STEPS for trace in traces)

    await until(whole)
    before = {
        trace: collector.spans[trace].count(("docward-projector", "project document-submitted")) for trace in traces
    }
    await said(place, "replay", "documents", "--all", *WHY)

    async def replayed() -> bool:
        submitted = ("docward-projector", "project document-submitted")
        return all(collector.spans[trace].count(submitted) == before[trace] + 1 for trace in traces)

    await until(replayed)
