-- What the gateway reads: every view of the schema `read`.
--
-- Table names are unqualified and resolve to the live version of each projection. A row of a table belongs to one
-- stream; whatever depends on several streams is computed here, so it never depends on how topics interleave.
-- Times are the events' times. Objects ({uri, sha256, size, media_type}) and lists are jsonb.

-- Every version of every document. `status`: submitted, converting, converted, conversion-failed: the outcome of the
-- version's last conversion. `markdown`, `ir` and `report` are there once a conversion has succeeded.
create view read.document_versions as
select
    v.document_id,
    v.version,
    v.origin,  -- upload, revision, changes, restore
    v.status,
    case
        when v.filename is null and coalesce(v.original, source.original) ->> 'media_type' = 'text/markdown'
            then regexp_replace(source.filename, '\.[^.]*$', '') || '.md'
        else coalesce(v.filename, source.filename)
    end as filename,
    coalesce(v.original, source.original) as original,
    coalesce(v.original, source.original) ->> 'media_type' as media_type,
    (coalesce(v.original, source.original) ->> 'size')::bigint as size,
    coalesce(v.original, source.original) ->> 'sha256' as sha256,
    v.comment,
    v.base_version,  -- the version that was changed or restored
    v.markdown,
    v.ir,
    v.report,
    v.converter,
    v.sandbox,
    v.pages,
    v.sections,
    v.characters,
    v.warnings,
    v.partial,  -- pages were left out
    v.failure_reason,
    v.failure_detail,
    v.created_at,
    v.created_by,
    v.created_by_name,
    v.finished_at
from document_versions v
left join lateral (
    -- A restored version, or one made by changes, has the bytes and the file name of what it was made from.
    with recursive chain (version, base_version, filename, original) as (
        select b.version, b.base_version, b.filename, b.original
        from document_versions b
        where b.document_id = v.document_id and b.version = v.base_version
        union
        select b.version, b.base_version, b.filename, b.original
        from chain c
        join document_versions b on b.document_id = v.document_id and b.version = c.base_version
        where c.filename is null
    )
    select
        (select filename from chain where filename is not null order by version desc limit 1) as filename,
        (select original from chain where original is not null order by version desc limit 1) as original
) source on v.filename is null;

-- Every analysis. `status`: requested, completed, failed, cancelled.
create view read.analyses as
select
    a.analysis_id,
    a.document_id,
    a.version,
    a.status,
    a.engine,
    a.model,
    a.focus,
    a.repositories,  -- asked for: [{repository_id, release}]
    a.releases,  -- used: [{repository_id, repository, release, sha256}]
    a.finding_counts,  -- {severity: number}
    a.verdict_counts,  -- {verdict: number}
    a.fingerprints,  -- of all its findings
    a.compliance,
    a.self_containment,  -- {score, parts}
    a.implementability,  -- {verdict, explanation, blocking}
    a.report,
    a.failure_reason,
    a.failure_detail,
    a.requested_at,
    a.requested_by,
    a.requested_by_name,
    a.finished_at,
    a.requested_version,  -- versions of the stream `analysis:<document id>`
    a.finished_version,
    a.status = 'completed' and not exists (
        select 1
        from analyses later
        where later.document_id = a.document_id
          and later.status = 'completed'
          and (later.version, later.finished_version) > (a.version, a.finished_version)
    ) as latest  -- the completed analysis that speaks for the document: newest version, then newest analysis
from analyses a;

-- One row per document and fingerprint. `status`: open, accepted, modified, rejected as people decided; resolved when
-- it is open and the latest completed analysis of the document did not see it.
create view read.findings as
select
    f.document_id,
    f.fingerprint,
    f.family,
    f.category,
    f.severity,
    array_position(array['critical', 'high', 'medium', 'low', 'info'], f.severity) as severity_rank,  -- 1 = critical
    f.title,
    f.explanation,
    f.quotes,
    f.searched,
    f.policy,  -- {repository_id, repository, release, policy_id} or null
    f.proposal,  -- {span, original, replacement, slots} or null
    f.confidence,
    f.origin,
    f.decision,  -- the check's path to it, not a person's
    case
        when f.status = 'open' and latest.fingerprints is not null and not latest.fingerprints ? f.fingerprint
            then 'resolved'
        else f.status
    end as status,
    coalesce(latest.fingerprints ? f.fingerprint, false) as present,  -- the latest completed analysis saw it
    f.replacement,  -- the text of a modified finding
    f.comment,  -- of the decision; for a rejected finding its reason
    f.decided_at,
    f.decided_by,
    f.decided_by_name,
    f.first_seen_analysis,
    f.first_seen_version,
    f.first_seen_at,
    f.last_seen_analysis,
    f.last_seen_version,
    f.last_seen_at,
    streams.stream_version as analysis_stream_version
from findings f
left join lateral (
    select a.fingerprints
    from analyses a
    where a.document_id = f.document_id and a.status = 'completed'
    order by a.version desc, a.finished_version desc
    limit 1
) latest on true
left join finding_streams streams on streams.document_id = f.document_id;

-- One row per analysis and policy of the releases it used.
create view read.verdicts as
select
    v.analysis_id,
    v.document_id,
    v.version,
    v.repository_id,
    v.repository,
    v.release,
    v.policy_id,
    v.level,
    v.title,
    v.citation,
    v.verdict,
    v.explanation,
    v.quotes,
    v.searched,
    v.facets,
    v.ordinal,  -- the order in which the analysis gave them
    v.recorded_at
from verdicts v;

-- One row per document, deleted ones included. `status`, over both streams and of the current version: submitted,
-- converting, converted, conversion-failed, analyzing, analyzed, analysis-failed; or deleted.
create view read.documents as
select
    d.document_id,
    d.title,
    d.description,
    d.tags,
    d.owner,
    d.visibility,  -- private, group, organization
    d.groups,
    d.repositories,  -- [{repository_id, release}]
    case
        when d.deleted_at is not null then 'deleted'
        when current.status <> 'converted' then current.status
        when analysis.status = 'requested' then 'analyzing'
        when analysis.status = 'completed' then 'analyzed'
        when analysis.status = 'failed' then 'analysis-failed'
        else 'converted'
    end as status,
    d.current_version,
    converted.version as latest_converted_version,
    current.filename,
    current.media_type,
    current.size,
    current.sha256,
    current.converter,
    current.pages,
    current.sections,
    current.characters,
    current.warnings,
    current.partial,
    case when current.status = 'converted' then analysis.failure_reason else current.failure_reason end
        as failure_reason,
    case when current.status = 'converted' then analysis.failure_detail else current.failure_detail end
        as failure_detail,
    analysis.analysis_id,  -- the last one of the current version that was not cancelled
    latest.analysis_id as latest_analysis_id,  -- the completed one that the following columns are from
    latest.version as analyzed_version,
    latest.compliance,  -- compliant, partial, non-compliant; null without repositories
    (latest.self_containment ->> 'score')::double precision as self_containment,
    latest.implementability ->> 'verdict' as implementability,
    latest.finding_counts,  -- {severity: number} of all its findings
    latest.verdict_counts,  -- {verdict: number}
    coalesce(findings.open_findings, '{}'::jsonb) as open_findings,  -- {severity: number} of those still open
    d.created_at,
    d.created_by,
    d.created_by_name,
    greatest(d.updated_at, streams.updated_at) as updated_at,
    d.deleted_at,
    d.deletion_reason,
    d.stream_version,  -- of `document:<id>`: what If-Match and expected_version name
    coalesce(streams.stream_version, 0) as analysis_stream_version  -- of `analysis:<id>`
from documents d
left join read.document_versions current
    on current.document_id = d.document_id and current.version = d.current_version
left join lateral (
    select max(v.version) as version
    from document_versions v
    where v.document_id = d.document_id and v.markdown is not null
) converted on true
left join lateral (
    select a.analysis_id, a.status, a.failure_reason, a.failure_detail
    from analyses a
    where a.document_id = d.document_id and a.version = d.current_version and a.status <> 'cancelled'
    order by a.requested_version desc
    limit 1
) analysis on true
left join lateral (
    select a.*
    from analyses a
    where a.document_id = d.document_id and a.status = 'completed'
    order by a.version desc, a.finished_version desc
    limit 1
) latest on true
left join lateral (
    select jsonb_object_agg(counted.severity, counted.number) as open_findings
    from (
        select f.severity, count(*) as number
        from findings f
        where f.document_id = d.document_id and f.status = 'open' and latest.fingerprints ? f.fingerprint
        group by f.severity
    ) counted
) findings on true
left join analysis_streams streams on streams.document_id = d.document_id;

-- One row per document group, deleted ones included. `members`: their ids, in the order in which they came.
-- `analysed`: the ids of all documents whose texts an analysis of the group has read, so that its findings may quote
-- them; null while that is not known of every analysis.
create view read.document_groups as
select
    g.group_id,
    g.title,
    g.description,
    g.owner,
    g.visibility,  -- private, group, organization
    g.groups,
    g.primary_id,  -- one of the members; null as long as there are none
    coalesce(member.ids, '[]'::jsonb) as members,
    case when member_analyses.unknown then null else coalesce(member_analyses.ids, '[]'::jsonb) end as analysed,
    latest.analysis_id as latest_analysis_id,  -- the completed one that the following columns are from
    latest.compliance,
    (latest.self_containment ->> 'score')::double precision as self_containment,
    latest.implementability ->> 'verdict' as implementability,
    latest.finding_counts,
    latest.verdict_counts,
    g.created_at,
    g.created_by,
    g.created_by_name,
    greatest(g.updated_at, streams.updated_at) as updated_at,
    g.deleted_at,
    g.deletion_reason,
    g.stream_version,  -- of `document-group:<id>`: what If-Match and expected_version name
    coalesce(streams.stream_version, 0) as analysis_stream_version  -- of `analysis:<id>`
from document_groups g
left join lateral (
    select jsonb_agg(m.document_id order by m.ordinal) as ids
    from document_group_members m
    where m.group_id = g.group_id
) member on true
left join lateral (
    select
        jsonb_agg(distinct item -> 'document_id') filter (where item is not null) as ids,
        coalesce(bool_or(s.analysis_id is null), false) as unknown
    from analyses a
    left join suite_analyses s on s.analysis_id = a.analysis_id
    left join lateral jsonb_array_elements(s.members) item on true
    where a.document_id = g.group_id
) member_analyses on true
left join lateral (
    select a.*
    from analyses a
    where a.document_id = g.group_id and a.status = 'completed'
    order by a.version desc, a.finished_version desc
    limit 1
) latest on true
left join analysis_streams streams on streams.document_id = g.group_id;

-- Which versions an analysis of a document group has read: members [{document_id, version, title, filename}].
create view read.suite_analyses as
select s.analysis_id, s.group_id, s.members
from suite_analyses s;

-- Full-text search, English: `where search @@ websearch_to_tsquery('english', $1)`. Version 0 is the document's title,
-- description and tags, weighted above the text of the newest converted version. Without deleted documents.
create view read.document_texts as
select t.document_id, t.version, t.text, t.search
from document_texts t
join documents d on d.document_id = t.document_id and d.deleted_at is null
where t.version = 0
   or t.version = (
        select max(v.version)
        from document_versions v
        where v.document_id = t.document_id and v.markdown is not null
    );

create view read.document_exports as
select e.document_id, e.version, e.format, e.object, e.exported_at
from document_exports e;

-- Policies as they are, whatever was published of them: see `read.releases` for what an analysis uses. Their ids are
-- unique whatever their case.
create view read.policies as
select
    p.repository_id,
    p.policy_id,
    p.policy ->> 'level' as level,
    p.policy ->> 'title' as title,
    p.policy,  -- the whole policy
    row_number() over (partition by p.repository_id order by p.added_version, p.added_ordinal) as ordinal
from (
    select distinct on (c.repository_id, lower(c.policy_id))
        c.repository_id,
        c.policy_id,
        c.change,
        c.policy,
        added.stream_version as added_version,
        added.ordinal as added_ordinal
    from policy_changes c
    cross join lateral (
        select a.stream_version, a.ordinal
        from policy_changes a
        where a.repository_id = c.repository_id
          and lower(a.policy_id) = lower(c.policy_id)
          and a.change = 'added'
          and a.stream_version <= c.stream_version
        order by a.stream_version desc
        limit 1
    ) added
    where c.stream_version >= (
        select coalesce(max(i.stream_version), 0) from pack_imports i where i.repository_id = c.repository_id
    )
    order by c.repository_id, lower(c.policy_id), c.stream_version desc
) p
where p.change <> 'removed';

-- Every release, with its policies as they were published.
create view read.releases as
select
    r.repository_id,
    repository.name as repository,
    r.release,
    r.notes,
    r.policy_count,
    r.sha256,
    imported.pack,  -- the pack it came from, or null
    coalesce(content.policies, '[]'::jsonb) as policies,  -- whole policies, in order
    r.published_at,
    r.published_by,
    r.published_by_name,
    r.stream_version
from releases r
join repositories repository on repository.repository_id = r.repository_id
left join lateral (
    select i.pack, i.stream_version
    from pack_imports i
    where i.repository_id = r.repository_id and i.stream_version <= r.stream_version
    order by i.stream_version desc
    limit 1
) imported on true
left join lateral (
    select jsonb_agg(p.policy order by p.added_version, p.added_ordinal) as policies
    from (
        select distinct on (lower(c.policy_id))
            c.policy_id,
            c.change,
            c.policy,
            added.stream_version as added_version,
            added.ordinal as added_ordinal
        from policy_changes c
        cross join lateral (
            select a.stream_version, a.ordinal
            from policy_changes a
            where a.repository_id = c.repository_id
              and lower(a.policy_id) = lower(c.policy_id)
              and a.change = 'added'
              and a.stream_version <= c.stream_version
            order by a.stream_version desc
            limit 1
        ) added
        where c.repository_id = r.repository_id
          and c.stream_version <= r.stream_version
          and c.stream_version >= coalesce(imported.stream_version, 0)
        order by lower(c.policy_id), c.stream_version desc
    ) p
    where p.change <> 'removed'
) content on true;

create view read.repositories as
select
    r.repository_id,
    r.name,
    r.title,
    r.description,
    imported.pack,  -- {id, version, title, jurisdiction, …} of the last import, or null
    r.latest_release,  -- null: nothing is published yet
    (select count(*) from read.policies p where p.repository_id = r.repository_id) as policy_count,
    r.archived_at is not null as archived,
    r.created_at,
    r.created_by,
    r.created_by_name,
    r.updated_at,
    r.archived_at,
    r.archive_reason,
    r.stream_version
from repositories r
left join lateral (
    select i.pack
    from pack_imports i
    where i.repository_id = r.repository_id
    order by i.stream_version desc
    limit 1
) imported on true;

-- Every command by its id. `status`: accepted (on the topic) → running (decided, its job is not done) → succeeded,
-- failed, rejected or parked. An outcome by events outranks a parked record, which was sent again since.
-- `visible`: the other views show everything that the command has led to so far; wait for a final status and this.
create view read.operations as
select
    o.operation_id,
    coalesce(o.type, o.rejected_type, o.parked_type) as type,
    coalesce(o.stream, o.rejected_stream, o.parked_stream, o.result_stream) as stream,  -- that the command is for
    case
        when o.type = 'import-pack' and (
            o.last_event = 'repository-created' or o.last_event = 'pack-imported' and repository.latest_release is null
        ) then 'running'  -- its policies and its release follow
        when o.progress = 'running' and ended.code is not null then 'failed'
        when o.progress is not null then o.progress
        when o.rejected_at is not null then 'rejected'
        when o.parked_at is not null then 'parked'
        else 'accepted'
    end as status,
    o.accepted_at,  -- null: the command is not in its topic (any more), or it was not signed
    o.actor_subject,
    o.actor_name,
    o.actor_kind,
    o.source,
    o.correlation_id,
    o.expected_version,
    o.last_event,  -- type of the last event that it led to
    case when o.progress is not null then o.last_event_at else coalesce(o.rejected_at, o.parked_at) end as updated_at,
    o.document_id,
    o.repository_id,
    grouped.group_id,  -- of a document group's own commands, and of those to analyse it
    o.result_version as version,  -- the document's version that it made or works on
    o.result_analysis_id as analysis_id,
    o.result_stream,
    o.result_stream_version,
    case
        when o.progress = 'failed' then o.failure_reason
        when o.progress = 'running' then ended.code
        when o.progress is null then coalesce(o.rejected_code, o.parked_reason)
    end as code,  -- why it failed, was rejected or is parked: stable
    case
        when o.progress = 'failed' then o.failure_detail
        when o.progress = 'running' then ended.detail
        when o.progress is null then coalesce(o.rejected_detail, o.parked_error)
    end as detail,
    case when o.progress is null then o.rejected_current_version end as current_version,  -- of `stream`, if rejected
    o.result_stream_version is null or coalesce(shown.stream_version, 0) >= o.result_stream_version as visible
from operations o
left join documents document on document.document_id = o.result_aggregate_id
left join analyses analysis on analysis.analysis_id = o.result_analysis_id
left join analysis_streams analysed on analysed.document_id = o.result_aggregate_id
left join finding_streams found on found.document_id = o.result_aggregate_id
left join verdict_streams judged on judged.document_id = o.result_aggregate_id
left join repositories repository on repository.repository_id = o.result_aggregate_id
left join suite_analyses suite on suite.analysis_id = o.result_analysis_id
cross join lateral (
    -- Its command is there before the group is.
    select coalesce(
        (
            select g.group_id
            from document_groups g
            where g.group_id = coalesce(
                o.aggregate_id, o.result_aggregate_id, o.rejected_aggregate_id, o.parked_aggregate_id
            )
        ),
        case
            when split_part(coalesce(o.stream, o.rejected_stream, o.parked_stream, o.result_stream), ':', 1)
                = 'document-group'
                then coalesce(
                    o.aggregate_id, o.result_aggregate_id, o.rejected_aggregate_id, o.parked_aggregate_id
                )
        end
    ) as group_id
) grouped
cross join lateral (
    -- What ends a running command from the side.
    select
        case
            when document.deleted_at is not null then 'document-deleted'
            when analysis.status = 'cancelled' then 'analysis-cancelled'
        end as code,
        case
            when document.deleted_at is not null then 'The document was deleted meanwhile.'
            when analysis.status = 'cancelled' then 'The analysis was cancelled.'
        end as detail
) ended
cross join lateral (
    select case split_part(o.result_stream, ':', 1)
        when 'document' then document.stream_version
        when 'document-group' then (
            select g.stream_version from document_groups g where g.group_id = o.result_aggregate_id
        )
        when 'analysis' then case
            when grouped.group_id is null or o.result_analysis_id is null or suite.analysis_id is not null then least(
                coalesce(analysed.stream_version, 0),
                coalesce(found.stream_version, 0),
                coalesce(judged.stream_version, 0)
            )
        end
        when 'policy-repository' then repository.stream_version
    end as stream_version
) shown;

-- Every event of every stream, with who did it. For a document's trail: `aggregate_id = <document id>` (its own
-- events, those of its analyses, and rejected commands); to resume a live feed: by `stream` and `stream_version`.
-- `body` is the event without its long lists: findings, verdicts and policies are counted and named, not repeated.
create view read.audit as
select
    a.stream,
    a.stream_version,
    a.aggregate_id,
    a.event_id,
    a.type,
    a.time,
    a.actor_subject,
    a.actor_name,
    a.actor_kind,
    a.correlation_id,
    a.causation_id,
    a.topic,
    a.partition,
    a.body
from audit a;
