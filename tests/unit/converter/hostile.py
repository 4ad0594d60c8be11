"""Hostile files, each made when it is asked for: bombs, loops, lies, and files cut or changed at places of a seed."""

from __future__ import annotations

import io
import random
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from docward.runtime.sniffing import DOCX, HTML, MARKDOWN, PDF, RST, TEXT

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
M = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONS = (
    f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r" Type="{OFFICE}/officeDocument"'
    ' Target="word/document.xml"/></Relationships>'
)
PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>"
FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
HELLO = b"BT /F 12 Tf 20 100 Td (Hello, the limit is five percent) Tj ET"


@dataclass(frozen=True)
class Hostile:
    name: str
    media_type: str
    make: Callable[[], bytes] = field(repr=False)


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """Objects 1, 2, … and a table that finds them."""
    out = io.BytesIO(b"%PDF-1.7\n")
    out.seek(0, io.SEEK_END)
    places = []
    for number, content in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%b\nendobj\n" % (number, content))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % place for place in places)
    out.write(b"trailer\n<</Size %d/Root 1 0 R%b>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, table))
    return out.getvalue()


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<<%b/Length %d>>\nstream\n%b\nendstream" % (entries, len(data), data)


def one_page(content: bytes = HELLO, entries: bytes = b"", page: bytes = PAGE) -> bytes:
    return pdf(CATALOG, PAGES, page, stream(content, entries), FONT)


def word(body: str, *, head: str = "", **more: str | bytes) -> bytes:
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": RELATIONS,
        "word/document.xml": f"{head}<w:document {W} {M}><w:body>{body}</w:body></w:document>",
        **{name.replace("__", "/") + ".xml": content for name, content in more.items()},
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def said(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def laughs() -> bytes:
    entities = "".join(f'<!ENTITY e{at} "{f"&e{at - 1};" * 10}">' for at in range(1, 10))
    return word(said("&e9;"), head=f'<!DOCTYPE d [<!ENTITY e0 "ha ha ha">{entities}]>')


def blow_up() -> bytes:
    return word(said("&e;" * 2000), head=f'<!DOCTYPE d [<!ENTITY e "{"A" * 500_000}">]>')


def squeezed(size: int, unit: bytes = b" ") -> bytes:
    """So many MiB as a Flate stream, made in no time: after a full flush the same bytes mean the same again."""
    made = zlib.compressobj(9)
    chunk = unit * (2**20 // len(unit))
    first, again = (made.compress(chunk) + made.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * (size - 1)


def nested_zip(depth: int) -> bytes:
    data = b"x" * 2**20
    for _ in range(depth):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("word/document.xml", data)
            archive.writestr("[Content_Types].xml", "<Types/>")
        data = out.getvalue()
    return data


def nested_tables(depth: int) -> str:
    return "<w:tbl><w:tr><w:tc>" * depth + said("deep") + "</w:tc></w:tr></w:tbl>" * depth


def a_cell(properties: str) -> str:
    return f"<w:tbl><w:tr><w:tc><w:tcPr>{properties}</w:tcPr>{said('x')}</w:tc></w:tr></w:tbl>"


def cut(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def changed(data: bytes, seed: int) -> bytes:
    """The data with one byte in a hundred replaced."""
    chance, out = random.Random(seed), bytearray(data)  # noqa: S311 -- repeatable, not secret
    for _ in range(max(len(out) // 100, 1)):
        out[chance.randrange(len(out))] = chance.randrange(256)
    return bytes(out)


def noise(seed: int, start: bytes = b"") -> bytes:
    return start + random.Random(seed).randbytes(20_000)  # noqa: S311 -- repeatable, not secret


def substitutions() -> bytes:
    lines = [f".. |s{at}| replace:: {f'|s{at + 1}| ' * 10}\n" for at in range(20)]
    return ("|s0|\n\n" + "".join(lines) + ".. |s20| replace:: boom\n").encode()


PLAIN_WORD = word(said("The limit is five percent of the volume."))
LOOPED = PAGE.replace(b"/Font<</F 5 0 R>>", b"/XObject<</A 5 0 R>>")
FORM = stream(b"/A Do /A Do", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</A 5 0 R>>>>")
OUTLINED = b"<</Type/Catalog/Pages 2 0 R/Outlines 6 0 R>>"
CHAPTER = b"<</Title(A)/Parent 6 0 R/Next 7 0 R/First 7 0 R>>"

PDFS: dict[str, Callable[[], bytes]] = {
    "empty": bytes,
    "header-only": lambda: b"%PDF-1.7\n%\xe2\xe3\n",
    "page-tree-loop": lambda: pdf(CATALOG, PAGES, b"<</Type/Pages/Kids[2 0 R]/Count 1/Parent 2 0 R>>"),
    "page-tree-of-itself": lambda: pdf(CATALOG, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"),
    "catalog-loop": lambda: pdf(b"<</Type/Catalog/Pages 1 0 R>>"),
    "form-loop": lambda: pdf(CATALOG, PAGES, LOOPED, stream(b"/A Do"), FORM),
    "outline-loop": lambda: pdf(OUTLINED, PAGES, PAGE, stream(HELLO), FONT, b"<</First 7 0 R/Last 7 0 R>>", CHAPTER),
    "table-before-itself": lambda: pdf(CATALOG, b"<</Type/Pages/Kids[]/Count 0>>", trailer=b"/Prev 120"),
    "length-of-itself": lambda: pdf(CATALOG, PAGES, PAGE, b"<</Length 4 0 R>>\nstream\nBT ET\nendstream", FONT),
    "length-that-lies": lambda: pdf(CATALOG, PAGES, PAGE, b"<</Length 99999999>>\nstream\nBT ET\nendstream", FONT),
    "negative-length": lambda: pdf(CATALOG, PAGES, PAGE, b"<</Length -5>>\nstream\nBT ET\nendstream", FONT),
    "count-that-lies": lambda: pdf(CATALOG, b"<</Type/Pages/Kids[]/Count 2000000000>>"),
    "negative-count": lambda: pdf(CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count -3>>", PAGE, stream(HELLO), FONT),
    "deep-array": lambda: pdf(CATALOG[:-2] + b"/X " + b"[" * 100_000 + b"]" * 100_000 + b">>", PAGES),
    "deep-dictionary": lambda: pdf(CATALOG[:-2] + b"/X " + b"<</A " * 50_000 + b">>" * 50_000 + b">>", PAGES),
    "flate-bomb": lambda: one_page(squeezed(900), b"/Filter/FlateDecode"),
    "flate-bomb-twice": lambda: one_page(zlib.compress(squeezed(900), 9), b"/Filter[/FlateDecode/FlateDecode]"),
    "flate-many-times": lambda: one_page(zlib.compress(HELLO), b"/Filter[" + b"/FlateDecode" * 500 + b"]"),
    "flate-broken": lambda: one_page(zlib.compress(HELLO)[:-6], b"/Filter/FlateDecode"),
    "flate-noise": lambda: one_page(noise(5), b"/Filter/FlateDecode"),
    "unknown-filter": lambda: one_page(HELLO, b"/Filter/NoSuchDecode"),
    "runs-without-end": lambda: one_page(squeezed(4, b"(x) Tj 1 0 Td .."), b"/Filter/FlateDecode"),
    "many-text-shows": lambda: one_page(
        zlib.compress(b"BT /F 1 Tf " + b"(x) Tj 1 0 Td " * 20_000 + b"ET"), b"/Filter/FlateDecode"
    ),
    "open-graphics-states": lambda: one_page(b"q " * 200_000 + HELLO),
    "page-of-no-size": lambda: one_page(page=PAGE.replace(b"0 0 200 200", b"0 0 0 0")),
    "page-of-any-size": lambda: one_page(page=PAGE.replace(b"0 0 200 200", b"-1e38 -1e38 1e38 1e38")),
    "page-without-contents": lambda: one_page(page=PAGE.replace(b"/Contents 4 0 R", b"")),
    "font-of-itself": lambda: pdf(CATALOG, PAGES, PAGE, stream(HELLO), b"<</Type/Font/DescendantFonts[5 0 R]>>"),
    "text-at-infinity": lambda: one_page(b"BT /F 1e30 Tf 1e30 1e30 Td (far) Tj ET " + HELLO),
    "encrypted-wrongly": lambda: pdf(CATALOG, PAGES, PAGE, stream(HELLO), FONT, trailer=b"/Encrypt 5 0 R"),
    "encrypted-by-itself": lambda: pdf(CATALOG, PAGES, PAGE, stream(HELLO), FONT, trailer=b"/Encrypt 9 0 R"),
    "script": lambda: pdf(
        CATALOG[:-2] + b"/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>", PAGES, PAGE, stream(HELLO), FONT
    ),
    "page-before-archive": lambda: one_page() + PLAIN_WORD,
    "word-named-pdf": lambda: PLAIN_WORD,
    "html-named-pdf": lambda: b"<html><body><h1>No PDF</h1></body></html>",
    **{f"cut-{share}": partial(lambda s: cut(one_page(), s), share / 10) for share in range(1, 10)},
    **{f"changed-{seed}": partial(lambda s: changed(one_page(), s), seed) for seed in range(12)},
    **{f"noise-{seed}": partial(noise, seed, b"%PDF-1.4\n") for seed in range(3)},
}
WORDS: dict[str, Callable[[], bytes]] = {
    "empty": bytes,
    "no-archive": lambda: b"PK\x03\x04" + b"\0" * 100,
    "archive-of-nothing": lambda: b"PK\x05\x06" + b"\0" * 18,
    "archives-in-archives": lambda: nested_zip(12),
    "not-xml": lambda: word("", word__document="<<<<"),
    "no-document": lambda: word("", word__document=""),
    "billion-laughs": laughs,
    "quadratic-blow-up": blow_up,
    "outside-entity": lambda: word(said("x&e;"), head='<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/hostname">]>'),
    "outside-dtd": lambda: word(said("x"), head='<!DOCTYPE d SYSTEM "http://127.0.0.1:9/d.dtd">'),
    "text-bomb": lambda: word(said(" " * 2**20 * 70)),
    "paragraph-bomb": lambda: word(said("a" * 20) * 400_000),
    "run-bomb": lambda: word("<w:p>" + "<w:r/>" * 200_000 + "</w:p>"),
    "deep-controls": lambda: word("<w:sdt><w:sdtContent>" * 50_000 + "</w:sdtContent></w:sdt>" * 50_000),
    "deep-tables": lambda: word(nested_tables(80)),
    "deeper-tables": lambda: word(nested_tables(3_000)),
    "deep-formula": lambda: word(
        "<w:p><m:oMath>" + "<m:rad><m:e>" * 3_000 + "</m:e></m:rad>" * 3_000 + "</m:oMath></w:p>"
    ),
    "grid-span": lambda: word(a_cell('<w:gridSpan w:val="2000000000"/>')),
    "grid-span-no-number": lambda: word(a_cell('<w:gridSpan w:val="many"/>')),
    "grid-span-negative": lambda: word(a_cell('<w:gridSpan w:val="-7"/>')),
    "grid-span-of-digits": lambda: word(a_cell(f'<w:gridSpan w:val="{"9" * 5000}"/>')),
    "grid-before": lambda: word(
        '<w:tbl><w:tr><w:trPr><w:gridBefore w:val="999999999"/></w:trPr>' + f"<w:tc>{said('x')}</w:tc></w:tr></w:tbl>"
    ),
    "merge-without-start": lambda: word(a_cell("<w:vMerge/>")),
    "style-of-itself": lambda: word(
        '<w:p><w:pPr><w:pStyle w:val="A"/></w:pPr><w:r><w:t>x</w:t></w:r></w:p>',
        word__styles=f'<w:styles {W}><w:style w:styleId="A"><w:basedOn w:val="A"/></w:style></w:styles>',
    ),
    "numbering-level": lambda: word(
        '<w:p><w:pPr><w:numPr><w:ilvl w:val="99999"/><w:numId w:val="1"/></w:numPr></w:pPr></w:p>' + said("x"),
        word__numbering=f'<w:numbering {W}><w:num w:numId="1"/></w:numbering>',
    ),
    "way-out-of-the-archive": lambda: word(said("x"), **{"..__..__..__tmp__out": "out"}),
    "pdf-named-word": one_page,
    "old-office": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 4096,
    **{f"cut-{share}": partial(lambda s: cut(PLAIN_WORD, s), share / 10) for share in range(1, 10)},
    **{f"changed-{seed}": partial(lambda s: changed(PLAIN_WORD, s), seed) for seed in range(12)},
}
PAGES_OF_THE_WEB: dict[str, Callable[[], bytes]] = {
    "empty": bytes,
    "deep": lambda: b"<div>" * 30_000 + b"x",
    "deep-inline": lambda: b"<b>" * 30_000 + b"x",
    "deep-lists": lambda: b"<ul><li>" * 20_000 + b"x",
    "deep-tables": lambda: b"<table><tr><td>" * 5_000 + b"x",
    "column-span": lambda: b"<table><tr><td colspan=999999999>x<td rowspan=999999>y</table>",
    "spans-that-multiply": lambda: b"<table>" + b"<tr>" + b"<td colspan=999 rowspan=999>x" * 300 + b"<tr><td>y" * 999,
    "attributes": lambda: b"<p " + b"a=1 " * 200_000 + b">x",
    "entities": lambda: b"&amp;" * 50_000,
    "unknown-entities": lambda: b"&nosuch;" * 20_000,
    "open-comment": lambda: b"<p>x<!--" + b"-" * 500_000,
    "open-script": lambda: b"<p>x<script>" + b"<" * 500_000,
    "encoding-that-lies": lambda: b'<meta charset="utf-7"><p>+ADw-script+AD4-',
    "no-encoding": lambda: b'<meta charset="nosuch"><p>\xff\xfe\xfdx',
    "text-bomb": lambda: b"<p>" + b"a " * 100_000,
    **{f"noise-{seed}": partial(noise, seed, b"<html><p>") for seed in range(4)},
}
RSTS: dict[str, Callable[[], bytes]] = {
    "empty": bytes,
    "substitutions": substitutions,
    "substitution-of-itself": lambda: b"|a|\n\n.. |a| replace:: |a|\n",
    "include": lambda: b"x\n\n.. include:: /etc/hostname\n",
    "include-of-a-device": lambda: b"x\n\n.. include:: /dev/zero\n",
    "raw-file": lambda: b"x\n\n.. raw:: html\n   :file: /etc/hostname\n",
    "table-from-afar": lambda: b"x\n\n.. csv-table::\n   :url: http://127.0.0.1:9/\n",
    "deep-lists": lambda: b"\n\n".join(b"  " * at + b"- x" for at in range(300)),
    "deep-quotes": lambda: b"\n\n".join(b" " * at + b"x" for at in range(600)),
    "a-long-line": lambda: b"x" * 1_000_000,
    "open-marks": lambda: b"*a `b ``c |d _e " * 500,
    "wide-table": lambda: b"+" + b"-+" * 500 + b"\n|" + b"x|" * 500 + b"\n+" + b"-+" * 500 + b"\n",
    **{f"noise-{seed}": partial(noise, seed) for seed in range(3)},
}
TEXTS: dict[str, Callable[[], bytes]] = {
    "empty": bytes,
    "nul": lambda: b"\0" * 10_000,
    "deep-quotes": lambda: b">" * 20_000 + b" x",
    "deep-lists": lambda: b"- " * 5_000 + b"x",
    "brackets": lambda: b"[" * 20_000 + b"x" + b"](y)" * 20_000,
    "stars": lambda: b"**a *b " * 10_000,
    "ticks": lambda: b"`" * 20_000 + b" x " + b"`" * 19_999,
    "dollars": lambda: b"$" * 20_000,
    "pipes": lambda: b"|" * 5_000 + b"\n" + b"|-" * 5_000 + b"|\n" + b"|x" * 5_000 + b"|\n",
    "one-long-line": lambda: b"the limit is 5 % " * 4_000,
    "half-of-utf-16": lambda: "# Überschrift\n".encode("utf-16")[:-1],
    **{f"noise-{seed}": partial(noise, seed) for seed in range(3)},
}
HOSTILE = [
    Hostile(f"{kind}-{name}", media_type, make)
    for kind, media_type, files in (
        ("pdf", PDF, PDFS),
        ("docx", DOCX, WORDS),
        ("html", HTML, PAGES_OF_THE_WEB),
        ("rst", RST, RSTS),
        ("markdown", MARKDOWN, TEXTS),
        ("text", TEXT, TEXTS),
    )
    for name, make in files.items()
]
SAMPLES = Path(__file__).parents[3] / "samples"
INTACT: dict[str, Callable[[], bytes]] = {
    PDF: (SAMPLES / "momentum-execution-strategy.pdf").read_bytes,
    DOCX: (SAMPLES / "dividend-quality-index.docx").read_bytes,
    MARKDOWN: (SAMPLES / "intraday-mean-reversion.md").read_bytes,
    RST: lambda: b"Rate\n====\n\n.. math::\n\n   x = 5\n\n== ==\na  b\n== ==\n\n* 5 %\n" * 20,
    HTML: lambda: b"<h1>Rate</h1><table><tr><th>Name<td>5 %</table><ul><li>one<li>two</ul>" * 20,
}


def damaged(media_type: str, seed: str) -> bytes:
    """A real document, damaged in one of six ways."""
    chance = random.Random(seed)  # noqa: S311 -- repeatable, not secret
    data, other = INTACT[media_type](), INTACT[chance.choice(sorted(INTACT))]()
    first, second = sorted(chance.randrange(len(data)) for _ in range(2))
    return chance.choice(
        (
            lambda: changed(data, chance.randrange(10**9)),
            lambda: data[:first],
            lambda: data[:first] + data[second:],
            lambda: data[:first] + data[first:second] * chance.randrange(2, 20) + data[second:],
            lambda: data[:first] + other + data[second:],
            lambda: data + other,
        )
    )()


def draw_damaged(seed: str, number: int) -> list[Hostile]:
    """So many, of every media type in turn; one in eight says that it is of another one."""
    kinds = sorted(INTACT)
    found = []
    for at in range(number):
        kind, said_to_be = kinds[at % len(kinds)], kinds[(at // 8 if at % 8 == 0 else at) % len(kinds)]
        found.append(Hostile(f"damaged-{at}", said_to_be, partial(damaged, kind, f"{seed}/{at}")))
    return found
