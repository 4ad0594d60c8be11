from collections.abc import Callable

from docward.converter.conversion.pdf.objects import Matrix, Part, Style
from docward.converter.conversion.pdf.page import Rule, Run

def connect(addresses: tuple[int, ...], /) -> None: ...
def read(
    page: int,
    text_page: int,
    turn: Matrix,
    left: float,
    area: float,
    thin: float,
    wide: float,
    divides: bool,
    style: Callable[[bytes, int, int], Style],
    run: type[Run],
    rule: type[Rule],
    /,
) -> tuple[list[Run], list[Rule], list[str], float, dict[int, list[Part]]]: ...
