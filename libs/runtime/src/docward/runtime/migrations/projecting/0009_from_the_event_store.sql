-- What rows are recomputed from: the topics as they are, or the event stores that published them.
alter table replays add column source text not null default 'topics' check (source in ('topics', 'store'));
