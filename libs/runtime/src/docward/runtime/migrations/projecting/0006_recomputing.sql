-- Which topics a generation reads, and when a projector last saw to it that it is fed.
alter table projections
    add column topics text[] not null default '{}',
    add column fed_at timestamptz;

-- Rows of keys that are recomputed from their first event in tables of their own, beside a generation, and then swapped
-- in (replay) or compared (verify); survey: only what would be touched is wanted. `chosen` says which part of the
-- topics selects the keys, `surveyed` what that part was found to hold. `records` counts what was read of `total`.
create table replays (
    id bigint generated always as identity primary key,
    name text not null,
    version int not null,
    generation int not null,
    action text not null check (action in ('survey', 'replay', 'verify')),
    chosen jsonb not null,
    rate double precision,
    state text not null default 'asked' check (state in ('asked', 'running', 'cancelling', 'done', 'failed', 'cancelled')),
    surveyed jsonb not null default '[]',
    seconds double precision,
    records bigint not null default 0,
    total bigint not null default 0,
    keys int not null default 0,
    settled int not null default 0,
    error text,
    who text not null,
    why text not null,
    asked_at timestamptz not null default now(),
    finished_at timestamptz
);
create index replays_open on replays (id) where state in ('asked', 'running', 'cancelling');

-- The keys of a replay, and what became of each: `swapped` and `same` are removed with its tables.
create table replay_keys (
    replay bigint not null references replays,
    partition int not null,
    key uuid not null,
    state text not null default 'touched' check (state in ('touched', 'swapped', 'same', 'differs', 'failed')),
    error text,
    primary key (replay, partition, key)
);

-- Which streams were recomputed for a key: their versions move with its rows.
create table replay_streams (
    replay bigint not null references replays,
    partition int not null,
    key uuid not null,
    stream_id text not null,
    primary key (replay, stream_id)
);
create index replay_streams_of_key on replay_streams (replay, partition, key);

-- Switches that were asked for: a projector that can fill all of `names` does it and says so.
create table switches (
    id bigint generated always as identity primary key,
    names text[] not null,
    back boolean not null,
    force boolean not null,
    state text not null default 'asked' check (state in ('asked', 'done', 'refused')),
    schemas text[],
    seconds double precision,
    error text,
    who text not null,
    why text not null,
    asked_at timestamptz not null default now()
);

-- What an operator needs, and no more; the gateway acts as this role for whoever has the role admin.
do $$
begin
    create role docward_operator nologin;
exception when duplicate_object or unique_violation then null;
end $$;
do $$
begin
    execute format('grant usage on schema %I to docward_operator', current_schema());
end $$;
grant select on checkpoints, projections, parked, replays, replay_keys, switches, stream_versions, operator_actions
    to docward_operator;
grant insert on projections, replays, switches, operator_actions to docward_operator;
grant update (state) on projections to docward_operator;
grant update (state) on replays to docward_operator;
grant update (action, asked_by, asked_why) on parked to docward_operator;
