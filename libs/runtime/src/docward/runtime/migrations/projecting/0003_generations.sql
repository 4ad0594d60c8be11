-- A generation is one filling of a projection's tables, in a schema of its own. Exactly one of a projection is live:
-- the views stand over it. `requested` asks for tables that are filled beside it, `dropping` for their removal.
-- Numbers are never used again: positions of a dropped generation can mislead nobody.
alter table projections drop constraint projections_pkey;
alter table projections
    add column generation int not null default 1,
    add column state text not null default 'fed' check (state in ('requested', 'fed', 'dropping', 'dropped')),
    add column indexed boolean not null default true,
    add column created_at timestamptz not null default now(),
    add column live_since timestamptz,
    add primary key (name, version, generation);
create unique index projections_live on projections (name) where live;
