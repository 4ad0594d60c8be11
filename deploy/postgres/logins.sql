-- Run once by an administrator, in the database of an installation whose services have a login each, before they start;
-- again, it changes nothing. Then give each login a password (\password docward_login_gateway) and its service the DSN.
--
-- docward_gateway reads the views of the read models. docward_operator is what an operator needs, and no more: the
-- gateway acts as it for tokens with the role `admin`; the projector reads the event stores by it when it is asked to.
-- CREATEROLE, because the services' migrations make these two where nobody has.
do $$
declare
    each text;
begin
    foreach each in array array['docward_gateway', 'docward_operator'] loop
        if not exists (select from pg_roles where rolname = each) then
            execute format('create role %I nologin', each);
        end if;
    end loop;
    foreach each in array array['gateway', 'converter', 'analyzer', 'projector'] loop
        each := 'docward_login_' || each;
        if not exists (select from pg_roles where rolname = each) then
            execute format('create role %I login createrole', each);
        end if;
        execute format('grant connect, create on database %I to %I', current_database(), each);
    end loop;
end $$;
grant docward_gateway, docward_operator to docward_login_gateway;
grant docward_operator to docward_login_projector;
