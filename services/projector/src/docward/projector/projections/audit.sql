create table audit (
    stream text not null,
    stream_version integer not null,
    aggregate_id uuid not null,
    event_id uuid not null,
    type text not null,
    time timestamptz not null,
    actor_subject text not null,
    actor_name text not null,
    actor_kind text not null,
    correlation_id uuid not null,
    causation_id uuid,
    topic text not null,
    partition integer not null,
    body jsonb not null,
    primary key (stream, stream_version)
);
create index audit_by_time on audit (time desc, event_id desc);
create index audit_by_aggregate on audit (aggregate_id, time desc, event_id desc);
create index audit_by_actor on audit (actor_subject, time desc);
create index audit_by_correlation on audit (correlation_id);
