create table analyses (
    analysis_id uuid primary key,
    document_id uuid not null,
    version integer not null,
    status text not null,
    engine text not null,
    model text,
    focus jsonb not null,
    repositories jsonb not null,
    releases jsonb,
    finding_counts jsonb,
    verdict_counts jsonb,
    fingerprints jsonb,
    compliance text,
    self_containment jsonb,
    implementability jsonb,
    report jsonb,
    failure_reason text,
    failure_detail text,
    requested_at timestamptz not null,
    requested_by text not null,
    requested_by_name text not null,
    requested_version integer not null,
    finished_at timestamptz,
    finished_version integer
);
create index analyses_by_document on analyses (document_id, version desc, requested_version desc);
create index analyses_by_age on analyses (requested_at desc, analysis_id desc);

create table analysis_streams (
    document_id uuid primary key,
    stream_version integer not null,
    updated_at timestamptz not null
);
