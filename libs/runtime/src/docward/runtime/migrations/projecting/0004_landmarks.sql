-- A digest of the record before next_offset: by it the log is recognised when the partition is taken over. Null: nothing
-- was read yet, or the position was set by hand.
alter table checkpoints add column landmark bytea;
