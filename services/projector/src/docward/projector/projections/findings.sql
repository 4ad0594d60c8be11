create table findings (
    document_id uuid not null,
    fingerprint text not null,
    family text not null,
    category text not null,
    severity text not null,
    title text not null,
    explanation text not null,
    quotes jsonb not null,
    searched jsonb not null,
    policy jsonb,
    proposal jsonb,
    confidence double precision not null,
    origin text not null,
    decision jsonb not null,
    status text not null,
    replacement text,
    comment text,
    decided_at timestamptz,
    decided_by text,
    decided_by_name text,
    first_seen_analysis uuid not null,
    first_seen_version integer not null,
    first_seen_at timestamptz not null,
    last_seen_analysis uuid not null,
    last_seen_version integer not null,
    last_seen_at timestamptz not null,
    primary key (document_id, fingerprint)
);

create table finding_streams (
    document_id uuid primary key,
    stream_version integer not null
);
