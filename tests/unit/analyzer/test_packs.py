"""The packs hold: every example gets the verdict that it expects; a wrong pack says where it is wrong."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
import yaml

from docward.analyzer.analysis import analyse
from docward.analyzer.analysis.packs import PackError, bundled_lexicon, bundled_packs, load_pack, validated

from .conftest import converted, release_of

HOUSE = """\
pack: {id: house, version: 1.0.0, title: House rules}
applies_if: {any_concept: [algorithmic_trading]}
requirements:
- id: H-1
  level: MUST
  title: One
  paraphrase: Alerts come within five seconds.
  verified: false
  evidence: {concepts: {any: [alert]}}
  facets:
  - id: T
    kind: quantity
    op: "<="
    value: "5 s"
  tests:
  - {text: The algorithm reads a file., expect: missing}
"""
GUIDE = Path(__file__).parents[3] / "docs" / "packs.md"
BUNDLED = [load_pack(path) for path in bundled_packs()]
BUNDLED += [
    validated(yaml.safe_load(text), GUIDE.name)
    for text in re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
]
EXAMPLES = [
    pytest.param(pack, policy, example, id=f"{policy.id}-{number}-{example.expect}")
    for pack in BUNDLED
    for policy in pack.requirements
    for number, example in enumerate(policy.tests, 1)
]


@pytest.mark.parametrize(("pack", "policy", "example"), EXAMPLES)
def test_an_example_gets_the_verdict_that_it_expects(pack, policy, example):
    made = converted(example.text)
    release = release_of(pack.model_copy(update={"requirements": (policy,)}))
    (verdict,) = analyse(made.ir, made.markdown, [release]).verdicts
    assert verdict.verdict == example.expect, verdict.explanation


def test_the_bundled_packs_are_complete(packs):
    assert len(packs["self-containment"].requirements) >= 12
    assert len(packs["internal-algorithm-standard"].requirements) >= 20
    assert len(packs["eu-rts6"].requirements) >= 60
    assert len(packs["us-15c3-5"].requirements) >= 12
    assert len(packs["finra-15-09"].requirements) >= 25
    assert len(packs["uk-pra-ss518"].requirements) >= 70
    assert len(packs["eu-bmr"].requirements) >= 25
    assert len(packs["esma-2026"].requirements) >= 10
    assert len(packs["fia-2024"].requirements) >= 10
    assert len(packs["index-methodology"].requirements) >= 30
    for pack in packs.values():
        for policy in pack.requirements:
            assert len(policy.tests) >= 3, policy.id
            assert policy.checks or policy.proposal, policy.id
            assert policy.checks or len({example.expect for example in policy.tests}) >= 2, policy.id


def test_every_concept_is_used_by_a_pack_or_is_a_parameter(packs):
    used: set[str] = set()
    for pack in packs.values():
        used.update(*pack.applies_if.values())
        for policy in pack.requirements:
            used.update(policy.applies_if, policy.evidence.all, policy.evidence.any)
            used.update(*(facet.any for facet in policy.facets if facet.kind == "concept"))
    concepts = bundled_lexicon().concepts
    assert {
        c for c, concept in concepts.items() if c not in used and not concept.dimension and not concept.domain
    } == set()


@pytest.fixture
def content():
    (path,) = [path for path in bundled_packs() if path.stem == "internal-algorithm-standard"]
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _with(content, index, **changes):
    changed = copy.deepcopy(content)
    changed["requirements"][index].update(changes)
    return changed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"level": "ALWAYS"}, "wrong.yaml: requirement IAS-OVR-1: level:"),
        ({"checks": ["check:telepathy"]}, "wrong.yaml: requirement IAS-OVR-1: checks: unknown check 'check:telepathy'"),
        ({"applies_if": ["moon"]}, "wrong.yaml: requirement IAS-OVR-1: applies_if: unknown concept 'moon'"),
        ({"evidence": {"all": ["moon"]}}, "wrong.yaml: requirement IAS-OVR-1: evidence.all: unknown concept 'moon'"),
        (
            {"facets": [{"id": "V", "kind": "quantity", "op": "<=", "value": "soon"}]},
            "wrong.yaml: requirement IAS-OVR-1: facets.V.value: 'soon' is not one quantity",
        ),
        ({"facets": [{"id": "C", "kind": "concept"}]}, "facets.C.any: a concept facet needs 'any' or 'patterns'"),
        ({"facets": [{"id": "P", "kind": "pattern", "patterns": ["("]}]}, "facets.P.patterns: '(' is no regular"),
        ({"contradicts": {"patterns": ["["]}}, "contradicts.patterns: '[' is no regular"),
    ],
)
def test_a_wrong_pack_is_refused_with_file_requirement_and_field(content, changes, message):
    with pytest.raises(PackError) as refused:
        validated(_with(content, 0, **changes), "wrong.yaml")
    assert message in str(refused.value)


def test_a_requirement_that_occurs_twice_is_refused(content):
    content["requirements"].append(content["requirements"][0])
    with pytest.raises(PackError, match="requirement IAS-OVR-1: id: occurs twice"):
        validated(content, "wrong.yaml")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("  title: One", "  titel: One", "house.yaml:6: requirement H-1: titel: no such field"),
        ("expect: missing", "expects: missing", "house.yaml:16: requirement H-1: tests.0.expects: no such field"),
        ("any: [alert]", "many: [alert]", "house.yaml:9: requirement H-1: evidence.concepts.many: no such field"),
        ("any: [alert]", "any: [moon]", "house.yaml:9: requirement H-1: evidence.any: unknown concept 'moon'"),
        ('value: "5 s"', "value: soon", "house.yaml:14: requirement H-1: facets.T.value: 'soon' is not one quantity"),
        ("any_concept", "all_concepts", "house.yaml:2: applies_if.all_concepts: no such field"),
        ("level: MUST", "level: ALWAYS", "house.yaml:5: requirement H-1: level: Input should be"),
        ("verified: false", "doc_types: [novel]", "house.yaml:8: requirement H-1: doc_types: unknown kind 'novel'"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, before, after, message):
    path = tmp_path / "house.yaml"
    path.write_text(HOUSE.replace(before, after))
    with pytest.raises(PackError) as refused:
        load_pack(path)
    assert message in str(refused.value)


@pytest.mark.parametrize("text", ["[1, 2]", "pack: [", "just words", "\x00"])
def test_a_file_that_is_no_pack_is_refused(tmp_path, text):
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(PackError, match=r"odd\.yaml"):
        load_pack(path)


def test_all_mistakes_are_reported_at_once(content):
    wrong = _with(_with(content, 0, level="ALWAYS"), 1, title="")
    with pytest.raises(PackError) as refused:
        validated(wrong, "wrong.yaml")
    assert "IAS-OVR-1: level" in str(refused.value)
    assert "IAS-OVR-2: title" in str(refused.value)
