-- For psql, after logins.sql: the passwords of the logins, from its environment. Again, it sets them anew.
\getenv gateway POSTGRES_PASSWORD_GATEWAY
alter role docward_login_gateway password :'gateway';
\getenv converter POSTGRES_PASSWORD_CONVERTER
alter role docward_login_converter password :'converter';
\getenv analyzer POSTGRES_PASSWORD_ANALYZER
alter role docward_login_analyzer password :'analyzer';
\getenv projector POSTGRES_PASSWORD_PROJECTOR
alter role docward_login_projector password :'projector';
