"""JUnit XML: a suite per document, a case per finding and per requirement, so that a build server shows both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from docward.events.findings import Finding, Verdict
from docward.reports.reviewed import Reviewed

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def written(documents: Sequence[Reviewed]) -> str:
    root = Element("testsuites", name="docward")
    for document in documents:
        suite = SubElement(root, "testsuite", name=_text(document.name))
        for finding in document.report.findings:
            _finding(suite, document, finding)
        for verdict in document.report.verdicts:
            _verdict(suite, document, verdict)
        _count(suite)
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    root.set("time", "0")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _finding(suite: Element, document: Reviewed, finding: Finding) -> None:
    standing = document.standing(finding)
    name = f"{finding.title} [{finding.fingerprint}]"
    case = SubElement(suite, "testcase", classname=f"findings.{finding.category}", name=_text(name), time="0")
    if standing.fails:
        failure = SubElement(case, "failure", type=finding.severity, message=_text(finding.title))
        failure.text = _text(_told(finding))
    elif standing.status == "rejected":
        SubElement(case, "skipped", message=_text(standing.reason))
    else:
        SubElement(case, "system-out").text = _text(_told(finding))


def _verdict(suite: Element, document: Reviewed, verdict: Verdict) -> None:
    classname = f"requirements.{verdict.policy.repository}"
    name = f"{verdict.policy.policy_id} {verdict.title}"
    case = SubElement(suite, "testcase", classname=_text(classname), name=_text(name), time="0")
    if document.fails(verdict):
        failure = SubElement(
            case, "failure", type=verdict.verdict, message=_text(f"{verdict.level}: {verdict.verdict}")
        )
        failure.text = _text(verdict.explanation)
    elif verdict.verdict in {"not-applicable", "not-assessed"}:
        SubElement(case, "skipped", message=_text(f"{verdict.verdict}: {verdict.explanation}"))
    else:
        SubElement(case, "system-out").text = _text(f"{verdict.verdict}: {verdict.explanation}")


def _told(finding: Finding) -> str:
    lines = [f"{finding.severity} · {finding.category} · {finding.origin}", finding.explanation]
    lines += [f"{quote.section or 'before the first heading'}: “{quote.text}”" for quote in finding.quotes]
    if not finding.quotes:
        lines.append(f"searched: {'; '.join(finding.searched)}")
    return "\n".join(lines)


def _count(suite: Element) -> None:
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in suite)))
    suite.set("errors", "0")
    suite.set("skipped", str(sum(case.find("skipped") is not None for case in suite)))
    suite.set("time", "0")


def _text(text: str) -> str:
    """XML has no way to write most control characters."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
