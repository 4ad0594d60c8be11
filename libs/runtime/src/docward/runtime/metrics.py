"""The metrics of the roles. Each has one comment, which is its documentation."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

# Records read from Kafka and settled: applied, parked or skipped.
RECORDS = Counter("docward_records_total", "Records settled", ["consumer", "topic", "outcome"])
# Records set aside, by reason. Any increase is worth a look.
PARKED = Counter("docward_parked_total", "Records parked", ["consumer", "topic", "reason"])
# Transactions refused because another process owns the partition. Rises at a take-over from a frozen owner.
FENCES = Counter("docward_fences_total", "Writes refused to a stale owner", ["consumer"])
# Pauses because of an outage of the broker, the database or the object store.
OUTAGES = Counter("docward_outages_total", "Pauses for an operational error", ["consumer"])
# 1 while a partition is stopped because its position is lost or a stream has a gap: nothing jumps, someone must look.
STOPPED = Gauge("docward_partition_stopped", "Partition stopped with an alarm", ["consumer", "topic", "partition"])
# Positions that a tool has set in Kafka: followed backwards, refused (ahead, gone, expired). Each refusal is an alarm.
SET_BY_TOOL = Counter("docward_positions_set_by_tool_total", "Positions set in Kafka", ["consumer", "outcome"])
# The offset after the last record whose effect is stored.
NEXT_OFFSET = Gauge("docward_next_offset", "Stored position", ["consumer", "topic", "partition"])
# Seconds from the fetch of a batch to the commit of its effects.
BATCH_SECONDS = Histogram("docward_batch_seconds", "Time to settle one batch", ["consumer"])
# Seconds since each long-lived loop of the process has come round. Over 20 it is not ready, over 60 it ends itself.
BEAT_AGE = Gauge("docward_loop_beat_age_seconds", "Time since a loop came round", ["loop"])
# Events published by the relay.
RELAYED = Counter("docward_relayed_total", "Events published from the event store", ["topic"])
# Finished jobs by kind and outcome: done, failed, fenced, retried, stuck (it cannot even be given up).
JOBS = Counter("docward_jobs_total", "Job attempts that ended", ["kind", "outcome"])
# 1 for how far conversions are shut in: landlock+seccomp, landlock, seccomp or rlimit-only (resource limits alone).
SANDBOX = Gauge("docward_sandbox", "Level of the sandbox of conversions", ["level"])
# Scanned pages by what text recognition made of them: read, failed (also at a limit), skipped (the document's time was
# used up). What was not read is a `needs-ocr` of its document.
RECOGNISED = Counter("docward_recognised_pages_total", "Scanned pages for text recognition", ["outcome"])
# Seconds that the work of a job took, its completion included.
JOB_SECONDS = Histogram(
    "docward_job_seconds", "Time of one job", ["kind"], buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300)
)
