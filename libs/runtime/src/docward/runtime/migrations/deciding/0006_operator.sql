-- What an operator needs, and no more; the gateway acts as this role for whoever has the role admin.
do $$
begin
    create role docward_operator nologin;
exception when duplicate_object or unique_violation then null;
end $$;
do $$
begin
    execute format('grant usage on schema %I to docward_operator', current_schema());
end $$;
grant select on checkpoints, parked, events, operator_actions to docward_operator;
grant insert on operator_actions to docward_operator;
grant update (relayed) on checkpoints to docward_operator;
grant update (action, asked_by, asked_why) on parked to docward_operator;
