-- By which a record is told from another one at its offset, of a log that was made anew and accepted.
alter table operator_actions add column record_timestamp bigint;
