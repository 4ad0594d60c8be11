"""The dependency graph: who uses what, what a change reaches, what is built from itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from docward.events.graph import Graph
from docward.events.ir import Definition, Formula, Ir, Lineage, Parameter, Span, Variable


def an_ir(uses: dict[str, str], *, start: int = 0) -> Ir:
    """Definitions with one-letter names, each with the letters that it uses."""
    definitions = tuple(
        Definition(
            id=name,
            span=Span(start=start + at, end=start + at + 1),
            term=name.upper(),
            text=name,
            lineage=tuple(Lineage(kind="direct-reference", target=each) for each in used),
        )
        for at, (name, used) in enumerate(uses.items())
    )
    return Ir(document_id="d", markdown_sha256="0" * 64, markdown_length=1, definitions=definitions)


CHAIN = an_ir({"a": "b", "b": "c", "c": "", "x": "c", "y": ""})


def test_order_puts_what_is_used_first() -> None:
    graph = Graph.of(CHAIN)
    assert graph.order == ("c", "b", "a", "x", "y")
    assert graph.cycles == ()


def test_a_focus_has_ancestors_and_what_a_change_reaches() -> None:
    graph = Graph.of(CHAIN)
    around = graph.around(graph.named("b"))
    assert around.focus is not None
    assert (around.focus.uses, around.focus.used_by) == (("c",), ("a",))
    assert (around.focus.ancestors, around.focus.descendants) == (("c",), ("a",))
    assert [node.id for node in around.nodes] == ["a", "b", "c"]
    of_c = graph.around(["c"]).focus
    assert of_c is not None
    assert of_c.descendants == ("b", "a", "x")


def test_a_name_is_found_whatever_its_case_and_an_unknown_one_is_not() -> None:
    graph = Graph.of(CHAIN)
    assert (graph.named("B"), graph.named("a"), graph.named("q")) == (("b",), ("a",), ())


def test_cycles_are_told_and_end_nothing() -> None:
    graph = Graph.of(an_ir({"a": "b", "b": "c", "c": "a", "d": "d", "e": "a"}))
    assert graph.cycles == (("a", "b", "c"), ("d",))
    assert graph.order == ("a", "b", "c", "d", "e")
    focus = graph.around(["a"]).focus
    assert focus is not None
    assert focus.ancestors == ("a", "b", "c")


def test_formulas_use_parameters_definitions_and_formulas() -> None:
    place = Span(start=0, end=1)
    ir = Ir(
        document_id="d",
        markdown_sha256="0" * 64,
        markdown_length=9,
        definitions=(
            Definition(
                id="d1",
                span=place,
                term="Close",
                text="c",
                lineage=(Lineage(kind="direct-reference", target="no such"),),
            ),
        ),
        formulas=(
            Formula(id="f1", span=place, text="R = P / Q", name="R"),
            Formula(
                id="f2",
                span=place,
                text="S = R + n",
                variables=(Variable(symbol="n"),),
                dependencies=("f1", "p1", "d1"),
            ),
        ),
        parameters=(Parameter(id="p1", span=place, name="n"),),
    )
    edges = {(edge.source, edge.target, edge.kind) for edge in Graph.of(ir).edges}
    assert edges == {("f2", "f1", "computed-from"), ("f2", "p1", "parameter"), ("f2", "d1", "formula-input")}


def test_a_long_chain_is_no_deep_recursion() -> None:
    many = 5000
    chain = Ir(
        document_id="d",
        markdown_sha256="0" * 64,
        markdown_length=many,
        definitions=tuple(
            Definition(
                id=f"{at}",
                span=Span(start=at, end=at),
                term=f"t{at}",
                text="",
                lineage=(Lineage(kind="direct-reference", target=f"{at + 1}"),),
            )
            for at in range(many)
        ),
    )
    graph = Graph.of(chain)
    assert graph.order == tuple(f"{at}" for at in reversed(range(many)))
    assert len(graph.around(["0"]).nodes) == many


LETTERS = "abcdef"


@given(st.fixed_dictionaries({letter: st.text(LETTERS, max_size=3) for letter in LETTERS}))
def test_order_and_cycles_agree_with_reachability(uses: dict[str, str]) -> None:
    graph = Graph.of(an_ir(uses))
    reached = {name: graph.around([name]).focus.ancestors for name in uses}  # type: ignore[union-attr]
    assert {name for cycle in graph.cycles for name in cycle} == {name for name in uses if name in reached[name]}
    assert sorted(graph.order) == sorted(uses)
    for name in uses:
        for other in reached[name]:
            if name not in reached[other]:
                assert graph.order.index(other) < graph.order.index(name)
