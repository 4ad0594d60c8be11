create table repositories (
    repository_id uuid primary key,
    name text not null,
    title text not null,
    description text not null,
    latest_release integer,
    created_at timestamptz not null,
    created_by text not null,
    created_by_name text not null,
    updated_at timestamptz not null,
    archived_at timestamptz,
    archive_reason text,
    stream_version integer not null
);
create index repositories_by_name on repositories (lower(name));

-- An import empties the repository: only changes since the last one count.
create table pack_imports (
    repository_id uuid not null,
    stream_version integer not null,
    pack jsonb not null,
    imported_at timestamptz not null,
    imported_by text not null,
    primary key (repository_id, stream_version)
);

-- What happened to each policy, in order. The policies of a release are what the changes up to it leave.
create table policy_changes (
    repository_id uuid not null,
    stream_version integer not null,
    ordinal integer not null,
    policy_id text not null,
    change text not null check (change in ('added', 'edited', 'removed')),
    policy jsonb,
    primary key (repository_id, stream_version, ordinal)
);

create table releases (
    repository_id uuid not null,
    release integer not null,
    notes text not null,
    policy_count integer not null,
    sha256 text not null,
    published_at timestamptz not null,
    published_by text not null,
    published_by_name text not null,
    stream_version integer not null,
    primary key (repository_id, release)
);
