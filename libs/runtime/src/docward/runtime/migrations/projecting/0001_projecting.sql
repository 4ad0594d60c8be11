-- Positions, as the effects are stored: next_offset moves by compare-and-set, epoch rises with every taking over.
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

-- The last version of each stream that a projection has applied: lower or equal is skipped, a gap stops.
create table stream_versions (
    projection text not null,
    stream_id text not null,
    version int not null,
    primary key (projection, stream_id)
);

create table projections (
    name text not null,
    version int not null,
    live boolean not null,
    ddl_sha256 text not null,
    primary key (name, version)
);

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
