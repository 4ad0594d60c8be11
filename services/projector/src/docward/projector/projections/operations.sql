-- Three writers that never share a column, so that a row does not depend on which topic was read first.
create table operations (
    operation_id uuid primary key,
    -- by the command topics
    type text,
    stream text,
    aggregate_id uuid,
    source text,
    accepted_at timestamptz,
    actor_subject text,
    actor_name text,
    actor_kind text,
    correlation_id uuid,
    expected_version integer,
    -- by the event topics: what the command led to
    progress text check (progress in ('running', 'succeeded', 'failed')),
    last_event text,
    last_event_at timestamptz,
    result_stream text,
    result_stream_version integer,
    result_aggregate_id uuid,
    result_version integer,
    result_analysis_id uuid,
    failure_reason text,
    failure_detail text,
    -- by the event topics: that it had no effect
    rejected_at timestamptz,
    rejected_type text,
    rejected_stream text,
    rejected_aggregate_id uuid,
    rejected_code text,
    rejected_detail text,
    rejected_current_version integer,
    -- by the dead-letter topics
    parked_at timestamptz,
    parked_type text,
    parked_stream text,
    parked_aggregate_id uuid,
    parked_reason text,
    parked_error text,
    parked_topic text,
    parked_partition integer,
    parked_offset bigint,
    -- whose command it is, by whichever of them says so
    document_id uuid generated always as (
        case
            when split_part(coalesce(stream, rejected_stream, parked_stream, result_stream), ':', 1)
                in ('document', 'analysis')
                then coalesce(aggregate_id, result_aggregate_id, rejected_aggregate_id, parked_aggregate_id)
        end
    ) stored,
    repository_id uuid generated always as (
        case
            when split_part(coalesce(stream, rejected_stream, parked_stream, result_stream), ':', 1)
                = 'policy-repository'
                then coalesce(aggregate_id, result_aggregate_id, rejected_aggregate_id, parked_aggregate_id)
        end
    ) stored
);
create index operations_by_age on operations (accepted_at desc, operation_id desc);
create index operations_by_document on operations (document_id, accepted_at desc, operation_id desc);
create index operations_by_repository on operations (repository_id, accepted_at desc, operation_id desc);
create index operations_by_actor on operations (actor_subject, accepted_at desc, operation_id desc);
