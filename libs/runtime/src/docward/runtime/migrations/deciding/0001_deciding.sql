-- Positions, as the effects are stored: next_offset moves by compare-and-set, epoch rises with every taking over.
-- last_seq and relayed number the events of the partition that are recorded and published.
create table checkpoints (
    consumer text not null,
    topic text not null,
    partition int not null,
    next_offset bigint not null,
    epoch bigint not null default 0,
    last_seq bigint not null default 0,
    relayed bigint not null default 0,
    primary key (consumer, topic, partition)
);

-- The truth of every stream, and the outbox of its topic.
create table events (
    topic text not null,
    partition int not null,
    seq bigint not null,
    stream_id text not null,
    version int not null,
    id uuid not null,
    type text not null,
    dataversion int not null,
    key uuid not null,
    time timestamptz not null,
    correlation_id uuid not null,
    causation_id uuid,
    actor jsonb not null,
    traceparent text,
    body bytea not null,
    primary key (topic, partition, seq),
    unique (stream_id, version)
);

-- Ids of decided commands, kept longer than the command topics keep the commands.
create table commands (
    id uuid primary key,
    source text not null,
    digest bytea not null,
    decided_at timestamptz not null default now()
);

create table jobs (
    id uuid primary key,
    kind text not null,
    aggregate_id uuid not null,
    partition int not null,
    payload jsonb not null,
    command_id uuid not null,
    correlation_id uuid not null,
    actor jsonb not null,
    traceparent text,
    state text not null default 'waiting' check (state in ('waiting', 'leased', 'done')),
    attempts int not null default 0,
    not_before timestamptz not null default now(),
    lease_token uuid,
    leased_until timestamptz,
    last_error text,
    created_at timestamptz not null default now(),
    done_at timestamptz
);
create index jobs_open on jobs (kind, not_before) where state <> 'done';

create table parked (
    id bigint generated always as identity primary key,
    consumer text not null,
    topic text not null,
    partition int not null,
    record_offset bigint not null,
    record_timestamp bigint not null,
    key bytea,
    value bytea,
    header_keys bytea[] not null,
    header_values bytea[] not null,
    reason text not null,
    blocks boolean not null,
    error_class text not null,
    error_message text not null,
    attempts int not null,
    first_failed_at timestamptz not null,
    mirrored boolean not null default false,
    unique (consumer, topic, partition, record_offset)
);
create index parked_blocking on parked (consumer, topic, partition, key) where blocks;
create index parked_to_mirror on parked (consumer, id) where not mirrored;
