"""References and definitions as other authors write them."""

from __future__ import annotations

import pytest

from docward.converter.conversion import convert
from docward.events.ir import Ir
from docward.runtime.sniffing import MARKDOWN


def ir(text: str) -> Ir:
    return convert(text.encode(), MARKDOWN, document_id="d").ir


CLAUSES = (
    '# Guide\n\n## A. General\n\nA.1 "Fund" means a fund of the bank. A.2 The rule of clause A.1 holds.\nA.3 Other.\n\n'
)
ORDERS = "# Spec\n\n**EXE-001** One. **EXE-002** Two.\n\n| Id | Text |\n|---|---|\n| EXE-003 | Three |\n\n"


@pytest.mark.parametrize(
    ("text", "reference", "resolved", "external"),
    [
        (f"{CLAUSES}See clause A.2.", "clause A.2", True, False),
        (f"{CLAUSES}See clause A.3.", "clause A.3", True, False),
        (f"{CLAUSES}See clause A.4.", "clause A.4", False, False),
        ('# 1 Cash\n\nText.\n\n# 2 B\n\nSee the chapter "Cash".', 'chapter "Cash"', True, False),
        ('# 1 Cash\n\nText.\n\n# 2 B\n\nSee the chapter "Moves".', 'chapter "Moves"', False, False),
        ("# 1 A\n\nSee Attachment 2.", "Attachment 2", False, False),
        ("# 1 A\n\nAs equation (7) says.", "equation (7)", False, False),
        (f"{ORDERS}See EXE-002.", "EXE-002", True, False),
        (f"{ORDERS}See EXE-009.", "EXE-009", False, False),
        ("# 1 A\n\nRecords are kept under SYSC 9.1.1R.", "SYSC 9.1.1R", False, True),
        ("# 1 A\n\nNasdaq Rule 4.7.2 holds.", "Nasdaq Rule 4.7.2", False, True),
        ("# 1 A\n\nIt acts under section 138A.", "section 138A", False, False),
    ],
)
def test_a_reference_is_found_by_its_usual_names(text, reference, resolved, external):
    found = {each.text: each for each in ir(text).references}
    assert reference in found
    assert (found[reference].resolved, found[reference].external) == (resolved, external)


def test_numbers_of_standards_and_labels_are_no_references_to_requirements():
    found = [each.text for each in ir(f"{ORDERS}As ISO-9001 and COVID-19 say.").references]
    assert not [text for text in found if text.startswith(("EXE", "COVID", "ISO-"))]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("# A\n\n*Fair price*: the mid of the feed.\n*Book*: the positions of the desk.\n", ["Fair price", "Book"]),
        ("# A\n\nThe Cut-off Date is the last day of a month.\n", ["Cut-off Date"]),
        ("# A\n\nThe level is the mean of the day. The Level is high.\n", []),
        ('# A\n\n"Cut Date" means the last day of a month. The Cut Date is the date of the index.\n', ["Cut Date"]),
    ],
)
def test_a_definition_is_found_in_its_usual_forms(text, terms):
    assert [definition.term for definition in ir(text).definitions] == terms
