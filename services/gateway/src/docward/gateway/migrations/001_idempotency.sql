create table idempotency_keys (
    subject text not null,
    key text not null,
    command_id uuid not null,
    -- Null until the request's body has been read once.
    fingerprint text,
    -- Null until the command is written durably.
    answer jsonb,
    -- Who works on it; after `busy_until` a repeated request may take over.
    holder uuid not null,
    busy_until timestamptz not null,
    created_at timestamptz not null,
    primary key (subject, key)
);

create index idempotency_keys_created_at on idempotency_keys (created_at);

-- The role in which the gateway reads the read models. The projector grants it what it may see.
do $$
begin
    create role docward_gateway nologin;
exception
    when duplicate_object or unique_violation then null;
end
$$;
