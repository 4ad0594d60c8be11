-- Version 0 holds title, description and tags; the other rows hold the text of that version.
create table document_texts (
    document_id uuid not null,
    version integer not null,
    text text not null,
    search tsvector generated always as (
        setweight(to_tsvector('english', text), case when version = 0 then 'A'::"char" else 'D'::"char" end)
    ) stored,
    primary key (document_id, version)
);
create index document_texts_by_word on document_texts using gin (search);
