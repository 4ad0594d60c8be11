"""Settings of the converter."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from docward.converter.recognition import ENGLISH, Tesseract
from docward.runtime.settings import Part, Settings


class Conversion(Part):
    concurrency: int = Field(default=2, ge=1, le=64)
    """Conversions at once, each in a child process of its own; as many again, that take long, go on beside them."""
    ocr: Literal["auto", "off"] = "auto"
    """Whether Tesseract, where it is installed, reads the pages of PDF documents that are pictures."""
    ocr_languages: str = Field(default=ENGLISH, pattern=r"^\w+(\+\w+)*$")
    """Of those pages, as Tesseract names them, the likeliest first: `deu+eng`."""

    @field_validator("ocr_languages")
    @classmethod
    def _installed(cls, languages: str) -> str:
        tesseract = Tesseract.installed(languages)
        lacking = tesseract.lacking() if tesseract is not None else []
        if lacking:
            raise ValueError(f"Tesseract has nothing for {', '.join(lacking)} here: install tesseract-ocr-{lacking[0]}")
        return languages


class ConverterSettings(Settings):
    conversion: Conversion = Conversion()
