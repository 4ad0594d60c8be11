"""The mutants still fit the code that they break."""

from __future__ import annotations

import pytest

from chaos.mutants import MUTANTS, Mutant, edited
from chaos.points import LOOPS, PLACES


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mutant_fits_the_code(mutant: Mutant) -> None:
    for edit in mutant.edits:
        edits = [each for each in mutant.edits if each.function == edit.function]
        assert callable(edited(edit.function, edits))
    if mutant.provoked is not None:
        assert mutant.provoked.place in PLACES[mutant.provoked.service] | LOOPS[mutant.provoked.service]
