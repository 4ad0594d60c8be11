"""Every read model: pure functions from messages to rows, each with its tables in the `.sql` file of its name."""

from __future__ import annotations

from docward.projector.projections.analyses import ANALYSES
from docward.projector.projections.audit import AUDIT
from docward.projector.projections.documents import DOCUMENTS
from docward.projector.projections.findings import FINDINGS
from docward.projector.projections.groups import GROUPS
from docward.projector.projections.operations import OPERATIONS
from docward.projector.projections.repositories import REPOSITORIES
from docward.projector.projections.search import SEARCH
from docward.projector.projections.verdicts import VERDICTS

PROJECTIONS = (DOCUMENTS, GROUPS, SEARCH, ANALYSES, FINDINGS, VERDICTS, REPOSITORIES, OPERATIONS, AUDIT)
