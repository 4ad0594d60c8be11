"""The checks of the offline engine, in the order in which they run. A policy names them as `check:<name>`."""

from __future__ import annotations

from docward.analyzer.analysis.checks import (
    calendars,
    citations,
    completeness,
    conflicts,
    control,
    formulas,
    kind,
    precision,
    questions,
    references,
    sources,
    structure,
    symbols,
    terms,
    values,
    wording,
)
from docward.analyzer.analysis.drafts import KIND, Check

CHECKS: tuple[Check, ...] = (
    Check(KIND, kind.document_kind),
    Check("internal-references", references.internal_references),
    Check("external-documents", references.external_documents),
    Check("acronyms", terms.acronyms),
    Check("double-definitions", terms.double_definitions),
    Check("formula-symbols", formulas.formula_symbols),
    Check("formula-windows", formulas.formula_windows),
    Check("division-by-zero", formulas.division_by_zero),
    Check("unused-symbols", symbols.unused_symbols),
    Check("circular-definitions", symbols.circular_definitions),
    Check("look-ahead", symbols.look_ahead),
    Check("rounding", precision.rounding),
    Check("missing-data", precision.missing_data),
    Check("ties", precision.ties),
    Check("stated-values", values.stated_values),
    Check("required-values", questions.required_values),
    Check("open-questions", questions.open_questions),
    Check("unspecified-computations", completeness.unspecified_computations),
    Check("conflicting-values", conflicts.conflicting_values),
    Check("repeated-sections", structure.repeated_sections),
    Check("inventory-tables", structure.inventory_tables),
    Check("business-calendars", calendars.business_calendars),
    Check("several-markets", calendars.several_markets),
    Check("time-zones", calendars.time_zones),
    Check("vague-wording", wording.vague_wording),
    Check("placeholders", wording.placeholders),
    Check("named-sources", sources.named_sources),
    Check("unsourced-inputs", completeness.unsourced_inputs),
    Check("risk-disclosures", completeness.risk_disclosures),
    Check("regulation-citations", citations.regulation_citations),
    Check("responsibilities", control.responsibilities),
    Check("ownership", control.ownership),
    Check("approvals", control.approvals),
    Check("self-approvals", control.self_approvals),
    Check("document-control", control.document_control),
)

NAMES = frozenset(check.name for check in CHECKS)
