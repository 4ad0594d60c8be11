-- Whether Kafka was ever given a copy of the position: only then has somebody taken it away when it is gone.
alter table checkpoints add column copied boolean not null default false;
