"""The offline analysis engine: a document's IR and Markdown against policy releases, as a pure function.

Same input, same engine: the same report, byte for byte. Every quote of a finding stands in the document exactly.
"""

from __future__ import annotations

from docward.analyzer.analysis.engine import ENGINE, Release, analyse
from docward.analyzer.analysis.suite import Member, analyse_suite

__all__ = ["ENGINE", "Member", "Release", "analyse", "analyse_suite"]
