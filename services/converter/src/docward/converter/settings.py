"""Settings of the converter."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from docward.runtime.settings import Part, Settings


class Conversion(Part):
    concurrency: int = Field(default=2, ge=1, le=64)
    """Conversions at once, each in a child process of its own."""
    ocr: Literal["auto", "off"] = "auto"
    """Whether Tesseract, where it is installed, reads the pages of PDF documents that are pictures."""


class ConverterSettings(Settings):
    conversion: Conversion = Conversion()
