"""Drawn documents: whatever is put together or damaged how, a conversion is sound or ends typed."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docward.converter.conversion import ConversionError, convert
from unit.converter.drawn import DRAWN

BOUNDED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.mark.parametrize("media_type", DRAWN)
@BOUNDED
@given(data=st.data())
def test_any_drawn_document_is_sound_or_ends_typed(sound, media_type, data):
    document = data.draw(DRAWN[media_type])
    with contextlib.suppress(ConversionError):
        sound(convert(document, media_type, document_id="d"))
