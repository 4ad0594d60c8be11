create table documents (
    document_id uuid primary key,
    title text not null,
    description text not null,
    tags jsonb not null,
    owner text not null,
    visibility text not null,
    groups jsonb not null,
    repositories jsonb not null,
    current_version integer not null,
    created_at timestamptz not null,
    created_by text not null,
    created_by_name text not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    deletion_reason text,
    stream_version integer not null
);
create index documents_by_age on documents (created_at desc, document_id desc);
create index documents_by_owner on documents (owner, created_at desc);
create index documents_by_tag on documents using gin (tags);
create index documents_by_repository on documents using gin (repositories jsonb_path_ops);

-- `markdown` is there once a conversion of the version has succeeded, and stays while it is converted again.
create table document_versions (
    document_id uuid not null,
    version integer not null,
    origin text not null,
    status text not null,
    filename text,
    original jsonb,
    comment text not null,
    base_version integer,
    markdown jsonb,
    ir jsonb,
    report jsonb,
    converter text,
    sandbox text,
    pages integer,
    sections integer,
    characters integer,
    warnings integer,
    failure_reason text,
    failure_detail text,
    created_at timestamptz not null,
    created_by text not null,
    created_by_name text not null,
    finished_at timestamptz,
    primary key (document_id, version)
);

create table document_exports (
    document_id uuid not null,
    version integer not null,
    format text not null,
    object jsonb not null,
    exported_at timestamptz not null,
    primary key (document_id, version, format)
);
alter table document_versions add column partial boolean;  -- pages were left out
