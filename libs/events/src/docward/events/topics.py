"""Every topic of Docward: the single declaration from which topics are created and contracts are generated.

Partitions are numbered by murmur2 of the key, as Kafka's own clients do it, and never change: growth is a new
generation of the topic. A command topic and its event topic have equally many, so that an aggregate has one number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from docward.events import analyses, documents, groups, policies
from docward.events.messages import CommandRejected, Message
from docward.events.progress import ProgressReported

DAY_MS = 24 * 60 * 60 * 1000
FOREVER = -1
KIB = 1024


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    about: str
    types: tuple[type[Message], ...]
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    retention_ms: int
    max_bytes: int
    """Of one record, headers included."""
    key: str = "aggregate id"
    partitions: int = 6
    cleanup_policy: str = "delete"

    @property
    def segment_ms(self) -> int | None:
        """How long a file of its log may be written to, where it forgets: what is deleted is whole files, so a record
        stays for so much longer than its retention, at most. None: the broker's own."""
        return None if self.retention_ms == FOREVER else self.retention_ms // 14


ANY_SYSTEM = "any system with a key"

DOCUMENT_COMMANDS = Topic(
    name="document-commands",
    about="What should happen to documents and document groups.",
    types=(
        documents.SubmitDocument,
        documents.SubmitRevision,
        documents.EditDetails,
        documents.AssignRepositories,
        documents.ShareWithGroups,
        documents.MakePrivate,
        documents.TransferOwnership,
        documents.ApplyChanges,
        documents.RestoreVersion,
        documents.RequestConversion,
        documents.RequestExport,
        documents.DeleteDocument,
        groups.CreateDocumentGroup,
        groups.RenameDocumentGroup,
        groups.AddGroupMember,
        groups.RemoveGroupMember,
        groups.SetPrimaryMember,
        groups.DeleteDocumentGroup,
    ),
    producers=("gateway", ANY_SYSTEM),
    consumers=("converter", "projector"),
    retention_ms=14 * DAY_MS,
    max_bytes=1024 * KIB,
)
POLICY_COMMANDS = Topic(
    name="policy-commands",
    about="What should happen to policy repositories.",
    types=(
        policies.CreateRepository,
        policies.EditRepository,
        policies.AddPolicy,
        policies.EditPolicy,
        policies.RemovePolicy,
        policies.ImportPack,
        policies.PublishRelease,
        policies.ArchiveRepository,
    ),
    producers=("gateway", ANY_SYSTEM),
    consumers=("analyzer", "projector"),
    retention_ms=14 * DAY_MS,
    max_bytes=1024 * KIB,
)
ANALYSIS_COMMANDS = Topic(
    name="analysis-commands",
    about="Analyses to run, and people's answers to findings.",
    types=(
        analyses.RequestAnalysis,
        analyses.RequestSuiteAnalysis,
        analyses.CancelAnalysis,
        analyses.AcceptFinding,
        analyses.ModifyFinding,
        analyses.RejectFinding,
        analyses.ReopenFinding,
        analyses.AnswerFindings,
    ),
    producers=("gateway", "analyzer", ANY_SYSTEM),
    consumers=("analyzer", "projector"),
    retention_ms=14 * DAY_MS,
    max_bytes=1024 * KIB,
)
DOCUMENT_EVENTS = Topic(
    name="document-events",
    about="What happened to documents and document groups.",
    types=(
        documents.DocumentSubmitted,
        documents.RevisionSubmitted,
        documents.DetailsEdited,
        documents.RepositoriesAssigned,
        documents.DocumentShared,
        documents.DocumentMadePrivate,
        documents.OwnershipTransferred,
        documents.ConversionRequested,
        documents.DocumentConverted,
        documents.ConversionFailed,
        documents.ChangesRequested,
        documents.ChangesApplied,
        documents.VersionRestored,
        documents.ExportRequested,
        documents.DocumentExported,
        documents.DocumentDeleted,
        groups.DocumentGroupCreated,
        groups.DocumentGroupRenamed,
        groups.GroupMemberAdded,
        groups.GroupMemberRemoved,
        groups.PrimaryMemberSet,
        groups.DocumentGroupDeleted,
        CommandRejected,
    ),
    producers=("converter",),
    consumers=("analyzer", "projector"),
    retention_ms=FOREVER,
    max_bytes=256 * KIB,
)
POLICY_EVENTS = Topic(
    name="policy-events",
    about="What happened to policy repositories.",
    types=(
        policies.RepositoryCreated,
        policies.RepositoryEdited,
        policies.PolicyAdded,
        policies.PolicyEdited,
        policies.PolicyRemoved,
        policies.PackImported,
        policies.ReleasePublished,
        policies.RepositoryArchived,
        CommandRejected,
    ),
    producers=("analyzer",),
    consumers=("projector",),
    retention_ms=FOREVER,
    max_bytes=256 * KIB,
)
ANALYSIS_EVENTS = Topic(
    name="analysis-events",
    about="Analyses, their findings and verdicts, and the feedback on findings.",
    types=(
        analyses.AnalysisRequested,
        analyses.SuiteAnalysisRequested,
        analyses.FindingsRecorded,
        analyses.VerdictsRecorded,
        analyses.AnalysisCompleted,
        analyses.AnalysisFailed,
        analyses.AnalysisCancelled,
        analyses.FindingAccepted,
        analyses.FindingModified,
        analyses.FindingRejected,
        analyses.FindingReopened,
        CommandRejected,
    ),
    producers=("analyzer",),
    consumers=("projector",),
    retention_ms=FOREVER,
    max_bytes=256 * KIB,
)
PROGRESS = Topic(
    name="progress",
    about="How far long work has come. Telemetry, best effort.",
    types=(ProgressReported,),
    producers=("converter", "analyzer"),
    consumers=("gateway",),
    retention_ms=60 * 60 * 1000,
    max_bytes=16 * KIB,
)


def _dead_letters(service: str, largest: int) -> Topic:
    return Topic(
        name=f"{service}-dead-letters",
        about=f"Records that the {service} set aside, byte for byte, with the reason in dlq-* headers.",
        types=(),
        producers=(service,),
        consumers=("projector",) if service != "projector" else (),
        retention_ms=FOREVER,
        max_bytes=largest + 64 * KIB,  # room for the dlq-* headers
        key="as in the record set aside",
    )


CONVERTER_DEAD_LETTERS = _dead_letters("converter", DOCUMENT_COMMANDS.max_bytes)
ANALYZER_DEAD_LETTERS = _dead_letters("analyzer", ANALYSIS_COMMANDS.max_bytes)
PROJECTOR_DEAD_LETTERS = _dead_letters("projector", DOCUMENT_COMMANDS.max_bytes)

TOPICS = (
    DOCUMENT_COMMANDS,
    POLICY_COMMANDS,
    ANALYSIS_COMMANDS,
    DOCUMENT_EVENTS,
    POLICY_EVENTS,
    ANALYSIS_EVENTS,
    PROGRESS,
    CONVERTER_DEAD_LETTERS,
    ANALYZER_DEAD_LETTERS,
    PROJECTOR_DEAD_LETTERS,
)


def message_types() -> Iterator[type[Message]]:
    """Every type that any topic carries, once, in the order of declaration."""
    seen: set[str] = set()
    for topic in TOPICS:
        for cls in topic.types:
            if cls.TYPE not in seen:
                seen.add(cls.TYPE)
                yield cls
