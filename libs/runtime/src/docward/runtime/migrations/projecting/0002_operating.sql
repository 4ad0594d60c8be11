-- What an operator wants done with a parked record; the owner of its partition does it.
alter table parked
    add column action text check (action in ('redrive', 'discard')),
    add column asked_by text,
    add column asked_why text;

-- Who did what, when and why. Of a discarded record the bytes are kept here.
create table operator_actions (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    who text not null,
    verb text not null,
    why text not null,
    consumer text,
    topic text,
    partition int,
    record_offset bigint,
    key bytea,
    value bytea,
    header_keys bytea[],
    header_values bytea[],
    details jsonb not null default '{}'
);
