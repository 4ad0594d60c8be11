create table verdicts (
    analysis_id uuid not null,
    repository_id uuid not null,
    policy_id text not null,
    document_id uuid not null,
    version integer not null,
    repository text not null,
    release integer not null,
    level text not null,
    title text not null,
    citation text not null,
    verdict text not null,
    explanation text not null,
    quotes jsonb not null,
    searched jsonb not null,
    facets jsonb not null,
    ordinal integer not null,
    recorded_at timestamptz not null,
    primary key (analysis_id, repository_id, policy_id)
);

create table verdict_streams (
    document_id uuid primary key,
    stream_version integer not null
);
create index if not exists verdicts_by_document on verdicts (document_id);
