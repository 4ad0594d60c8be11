"""One trace from the sender on, whether anything is exported or not."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from docward.runtime import telemetry

SENDER = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


def test_without_an_exporter_the_senders_context_is_passed_on_as_it_came() -> None:
    with telemetry.span("work", SENDER) as context:
        assert context == SENDER


def test_without_a_sender_a_trace_begins() -> None:
    with telemetry.span("work", None) as context:
        assert telemetry.trace_id(context) is not None


@pytest.mark.parametrize("odd", ["", "garbage", "00-zz-zz-01", "a-b-c-d-e"])
def test_an_odd_context_breaks_nothing(odd: str) -> None:
    with telemetry.span("work", odd):
        telemetry.trace_id(odd)


def test_with_an_exporter_a_span_is_the_senders_child(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    with telemetry.span("work", SENDER) as context:
        assert context != SENDER
        assert telemetry.trace_id(context) == telemetry.trace_id(SENDER)
    (span,) = exporter.get_finished_spans()
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == SENDER.split("-")[2]
    provider.shutdown()
