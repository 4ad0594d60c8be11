"""Logs, and one trace from the gateway to the read model.

Logs are JSON lines on standard output, with the ids of the trace and the correlation where there are some. Trace
context travels in the `traceparent` of every message. Without an OTLP endpoint nothing is exported, and the context of
the sender is passed on as it came, so a trace stays one trace whoever exports.
"""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

LINKS = 20
"""Of a span that stands for many messages, at most."""
_PROPAGATOR = TraceContextTextMapPropagator()


def configure(service: str, *, level: str = "INFO", otlp_endpoint: str | None = None) -> None:
    """Once, when the process starts."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(), foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared]
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # A consumer group that is being formed is no news.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    structlog.contextvars.bind_contextvars(service=service)
    if otlp_endpoint:
        provider = TracerProvider(resource=Resource.create({"service.name": f"docward-{service}"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{otlp_endpoint}/v1/traces")))
        trace.set_tracer_provider(provider)


def new_traceparent() -> str:
    """A fresh W3C trace context (sampled)."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


@contextmanager
def span(name: str, traceparent: str | None, kind: SpanKind = SpanKind.INTERNAL, **attributes: str) -> Iterator[str]:
    """A span under the sender's; yields the context to send on."""
    parent = traceparent or new_traceparent()
    context = _PROPAGATOR.extract({"traceparent": parent})
    with trace.get_tracer("docward").start_as_current_span(name, context, kind, attributes) as current:
        if not current.is_recording():
            yield parent
            return
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        yield carrier["traceparent"]


@contextmanager
def step(
    name: str, traceparent: str | None, correlation_id: UUID, kind: SpanKind = SpanKind.CONSUMER, **attributes: str
) -> Iterator[str]:
    """A message's way through one role: a span under the sender's, and both ids on every line logged inside."""
    with (
        span(name, traceparent, kind, **attributes) as context,
        structlog.contextvars.bound_contextvars(trace_id=trace_id(context), correlation_id=str(correlation_id)),
    ):
        yield context


@contextmanager
def linked(name: str, traceparents: Sequence[str | None], **attributes: int) -> Iterator[None]:
    """One span for many messages, linked to the first of theirs."""
    parents = [parent for parent in traceparents[:LINKS] if parent]
    contexts = [trace.get_current_span(_PROPAGATOR.extract({"traceparent": p})).get_span_context() for p in parents]
    with trace.get_tracer("docward").start_as_current_span(
        name, Context(), SpanKind.CONSUMER, attributes, [trace.Link(context) for context in contexts]
    ):
        yield


def traced() -> bool:
    """Whether spans go anywhere. Where they do not, a step for every record costs more than what is done with it."""
    return isinstance(trace.get_tracer_provider(), TracerProvider)


def trace_id(traceparent: str | None) -> str | None:
    return traceparent.split("-")[1] if traceparent and traceparent.count("-") == 3 else None
