"""The ZIP around a Word document, read with limits: sizes are checked while inflating, not believed.

XML is parsed without entities, network and huge trees. Strict Office Open XML is read as its transitional twin.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

from lxml import etree

from docward.converter.conversion.outcome import ConversionError

MAX_ENTRIES = 5_000
MAX_PART = 64 * 2**20
MAX_TOTAL = 256 * 2**20
MAX_RATIO = 200
"""Real documents inflate up to about 30 times; beyond MAX_RATIO and a megabyte it is a bomb."""

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
RELATIONSHIP = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
STRICT = (
    (b"http://purl.oclc.org/ooxml/wordprocessingml/main", W[1:-1].encode()),
    (b"http://purl.oclc.org/ooxml/officeDocument/math", M[1:-1].encode()),
    (b"http://purl.oclc.org/ooxml/officeDocument/relationships", R[1:-1].encode()),
    (b"http://purl.oclc.org/ooxml/drawingml/", b"http://schemas.openxmlformats.org/drawingml/2006/"),
)
PARSER = etree.XMLParser(
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
    collect_ids=False,
)
OFF = frozenset({"0", "false", "off", "none"})
DAMAGED = "The file is not a readable Word document; please open it in Word, save it again as .docx and upload that."


@dataclass(frozen=True)
class Relation:
    kind: str
    """Last part of its type: `hyperlink`, `header`, `footnotes`, …"""
    target: str
    external: bool


class Package:
    def __init__(self, data: bytes) -> None:
        if data.startswith(b"\xd0\xcf\x11\xe0"):
            if "EncryptedPackage".encode("utf-16-le") in data:
                raise ConversionError("encrypted", "The document is protected by a password; please remove it first.")
            raise ConversionError("unsupported-type", "This is an old Word file (.doc); please save it as .docx.")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError) as error:
            raise ConversionError("damaged", DAMAGED) from error
        self._names = {info.filename: info for info in self._zip.infolist()}
        if len(self._names) > MAX_ENTRIES:
            raise ConversionError(
                "too-large", f"The document has {len(self._names)} parts; {MAX_ENTRIES} is the limit."
            )
        self._inflated = 0
        main = next((one for one in self.relations("").values() if one.kind == "officeDocument"), None)
        self.main = main.target if main and main.target in self._names else "word/document.xml"
        if self.main not in self._names:
            raise ConversionError("damaged", DAMAGED)

    def tree(self, name: str) -> Any | None:
        """The root of an XML part; None where the package has no such part."""
        data = self._part(name)
        if data is None:
            return None
        if b"purl.oclc.org/ooxml" in data:
            for strict, transitional in STRICT:
                data = data.replace(strict, transitional)
        try:
            root = etree.fromstring(data, PARSER)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise ConversionError("damaged", DAMAGED) from error
        if root.getroottree().docinfo.doctype:  # the format forbids it, and only an attack needs one
            raise ConversionError("damaged", DAMAGED)
        return root

    def relations(self, part: str) -> dict[str, Relation]:
        """Relationships of a part (`""`: of the package) by id; targets are names in the package or addresses."""
        folder, base = posixpath.split(part)
        root = self.tree(posixpath.join(folder, "_rels", f"{base}.rels"))
        relations: dict[str, Relation] = {}
        for node in root.iter(RELATIONSHIP) if root is not None else ():
            target, external = node.get("Target", ""), node.get("TargetMode") == "External"
            if not external:
                target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            relations[node.get("Id", "")] = Relation(node.get("Type", "").rpartition("/")[2], target, external)
        return relations

    def _part(self, name: str) -> bytes | None:
        info = self._names.get(name)
        if info is None:
            return None
        chunks, size = [], 0
        try:
            with self._zip.open(info) as stream:
                while chunk := stream.read(2**20):
                    size += len(chunk)
                    self._check(size, info.compress_size)
                    chunks.append(chunk)
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            RuntimeError,
            NotImplementedError,
            ValueError,
        ) as error:
            raise ConversionError("damaged", DAMAGED) from error
        self._inflated += size
        return b"".join(chunks)

    def _check(self, size: int, compressed: int) -> None:
        bomb = size > 2**20 and size > MAX_RATIO * max(compressed, 1)
        if bomb or size > MAX_PART or self._inflated + size > MAX_TOTAL:
            raise ConversionError("too-large", "The document inflates to more text than any real document has.")


def tag(node: Any) -> str:
    """The local name of an element."""
    return str(node.tag).rpartition("}")[2]


def value(node: Any | None, child: str, default: str | None = None) -> str | None:
    """`w:val` of a child, such as `w:pStyle` of a `w:pPr`."""
    found = node.find(W + child) if node is not None else None
    return default if found is None else str(found.get(W + "val", default or ""))


def switched_on(node: Any | None, child: str) -> bool:
    """Whether an on/off property is present and on."""
    found = node.find(W + child) if node is not None else None
    return found is not None and is_on(found)


def is_on(node: Any) -> bool:
    """Whether an on/off property that is present is on."""
    return node.get(W + "val") not in OFF


def whole_number(text: str | None, default: int = 0) -> int:
    return int(text) if text and re.fullmatch(r"-?\d{1,9}", text) else default
