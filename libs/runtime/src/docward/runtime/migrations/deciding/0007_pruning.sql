-- By which old rows are found, whatever the tables have grown to.
create index commands_by_age on commands (decided_at);
create index jobs_done on jobs (done_at) where state = 'done';
