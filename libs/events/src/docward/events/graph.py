"""The dependency graph of an IR: what definitions, formulas and parameters are built from, and who uses them.

An edge leads from what uses to what is used. Order is that of the text wherever nothing else decides, so the same IR
gives the same answers. Nothing recurses: a chain may be as long as a document.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from docward.events.ir import Definition, Formula, Ir, LineageKind, Parameter, Span
from docward.events.messages import Value

NodeKind = Literal["definition", "formula", "parameter"]


class Node(Value):
    id: str = Field(description="Of the element in the IR.")
    kind: NodeKind
    name: str = Field(description="Its term, left-hand side or name; a formula without one is its text.")
    aliases: tuple[str, ...] = ()
    section_id: str | None
    span: Span


class Edge(Value):
    source: str = Field(description="Id of what uses.")
    target: str = Field(description="Id of what is used.")
    kind: LineageKind


class Focus(Value):
    """One element, or several of one name, among all others."""

    ids: tuple[str, ...]
    uses: tuple[str, ...] = Field(description="Directly.")
    used_by: tuple[str, ...] = Field(description="Directly.")
    ancestors: tuple[str, ...] = Field(description="All that it is built from, inputs first.")
    descendants: tuple[str, ...] = Field(
        description="All that a change of it reaches, in the order in which to look at them."
    )


class Graph(Value):
    nodes: tuple[Node, ...] = Field(description="In the order of the text.")
    edges: tuple[Edge, ...]
    order: tuple[str, ...] = Field(description="Ids, what is used before what uses it; a cycle's stand together.")
    cycles: tuple[tuple[str, ...], ...] = Field(description="Ids of elements that are built from each other.")
    focus: Focus | None = None

    @classmethod
    def of(cls, ir: Ir) -> Graph:
        nodes = tuple(sorted(_nodes(ir), key=lambda node: (node.span.start, node.span.end, node.id)))
        edges = tuple(_edges(ir, {node.id for node in nodes}))
        components = _components([node.id for node in nodes], _targets(edges))
        loops = {edge.source for edge in edges if edge.source == edge.target}
        return cls(
            nodes=nodes,
            edges=edges,
            order=tuple(ident for component in components for ident in component),
            cycles=tuple(tuple(one) for one in components if len(one) > 1 or loops & set(one)),
        )

    def named(self, name: str) -> tuple[str, ...]:
        """Ids of the elements with this id, or else with this name or alias, whatever its case."""
        if any(node.id == name for node in self.nodes):
            return (name,)
        wanted = _folded(name)
        return tuple(node.id for node in self.nodes if wanted in map(_folded, (node.name, *node.aliases)))

    def around(self, ids: Sequence[str]) -> Graph:
        """These elements, all that they are built from and all that is built from them."""
        uses, used_by = _targets(self.edges), _targets(self.edges, back=True)
        ancestors, descendants = _reached(ids, uses), _reached(ids, used_by)
        kept = {*ids, *ancestors, *descendants}
        return Graph(
            nodes=tuple(node for node in self.nodes if node.id in kept),
            edges=tuple(edge for edge in self.edges if {edge.source, edge.target} <= kept),
            order=tuple(ident for ident in self.order if ident in kept),
            cycles=tuple(cycle for cycle in self.cycles if kept.issuperset(cycle)),
            focus=Focus(
                ids=tuple(ids),
                uses=_direct(ids, uses),
                used_by=_direct(ids, used_by),
                ancestors=tuple(ident for ident in self.order if ident in ancestors),
                descendants=tuple(ident for ident in self.order if ident in descendants),
            ),
        )


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _nodes(ir: Ir) -> Iterator[Node]:
    for definition in ir.definitions:
        yield _node(definition, "definition", definition.term, definition.aliases)
    for formula in ir.formulas:
        yield _node(formula, "formula", formula.name or formula.text)
    for parameter in ir.parameters:
        yield _node(parameter, "parameter", parameter.name)


def _node(element: Definition | Formula | Parameter, kind: NodeKind, name: str, aliases: tuple[str, ...] = ()) -> Node:
    return Node(id=element.id, kind=kind, name=name, aliases=aliases, section_id=element.section_id, span=element.span)


def _edges(ir: Ir, known: set[str]) -> Iterator[Edge]:
    """One for each pair; a term's text that is no element's is no node."""
    kinds: dict[str, LineageKind] = dict.fromkeys((one.id for one in ir.definitions), "formula-input")
    kinds |= dict.fromkeys((one.id for one in ir.formulas), "computed-from")
    kinds |= dict.fromkeys((one.id for one in ir.parameters), "parameter")
    seen: set[tuple[str, str]] = set()
    used = [(one.id, (each.target, each.kind)) for one in ir.definitions for each in one.lineage]
    used += [(one.id, (target, kinds[target])) for one in ir.formulas for target in one.dependencies if target in known]
    for source, (target, kind) in used:
        if target in known and (source, target) not in seen:
            seen.add((source, target))
            yield Edge(source=source, target=target, kind=kind)


def _targets(edges: Iterable[Edge], *, back: bool = False) -> dict[str, list[str]]:
    targets: dict[str, list[str]] = {}
    for edge in edges:
        source, target = (edge.target, edge.source) if back else (edge.source, edge.target)
        targets.setdefault(source, []).append(target)
    return targets


def _direct(ids: Sequence[str], targets: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(target for ident in ids for target in targets.get(ident, ())))


def _reached(ids: Sequence[str], targets: Mapping[str, Sequence[str]]) -> set[str]:
    """All that is reached; of `ids` those that are reached again."""
    reached, waiting = set[str](), deque(ids)
    while waiting:
        for target in targets.get(waiting.popleft(), ()):
            if target not in reached:
                reached.add(target)
                waiting.append(target)
    return reached


def _components(ids: Sequence[str], targets: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Strongly connected components (Tarjan 1972), what is used before what uses it; in each the order of the text."""
    place = {ident: at for at, ident in enumerate(ids)}
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []
    done: set[str] = set()
    for root in ids:
        path = [(root, iter(targets.get(root, ())))] if root not in number else []
        while path:
            ident, rest = path[-1]
            if ident not in number:
                number[ident] = low[ident] = len(number)
                stack.append(ident)
            for target in rest:
                if target not in number:
                    path.append((target, iter(targets.get(target, ()))))
                    break
                if target not in done:
                    low[ident] = min(low[ident], number[target])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[ident])
                if low[ident] == number[ident]:
                    component = [stack.pop()]
                    while component[-1] != ident:
                        component.append(stack.pop())
                    done.update(component)
                    components.append(sorted(component, key=place.__getitem__))
    return components
