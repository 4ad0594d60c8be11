create table document_groups (
    group_id uuid primary key,
    title text not null,
    description text not null,
    owner text not null,
    visibility text not null,
    groups jsonb not null,
    primary_id uuid,
    created_at timestamptz not null,
    created_by text not null,
    created_by_name text not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    deletion_reason text,
    stream_version integer not null
);
create index document_groups_by_age on document_groups (created_at desc, group_id desc);

create table document_group_members (
    group_id uuid not null,
    document_id uuid not null,
    ordinal integer not null,
    added_at timestamptz not null,
    added_by text not null,
    added_by_name text not null,
    primary key (group_id, document_id)
);
create index document_group_members_by_document on document_group_members (document_id);

-- Which versions an analysis of a group has read: [{document_id, version, title, filename}].
create table suite_analyses (
    analysis_id uuid primary key,
    group_id uuid not null,
    members jsonb not null
);
create index suite_analyses_by_group on suite_analyses (group_id);
