-- Run once, as an administrator, when the login in MILEPOST_DATABASE_URL may not create roles itself.
--   psql "$ADMIN_URL" -v login=milepost -v database=milepost -f infra/postgres/roles.sql
-- Each service owns one schema through a role of its own; the login only puts a role on, it owns nothing.

\set ON_ERROR_STOP on

select format('create role %I nologin', name)
from (values ('milepost_ingest'), ('milepost_scoring'), ('milepost_playbooks')) as roles(name)
where not exists (select from pg_roles where rolname = name)
\gexec

grant milepost_ingest, milepost_scoring, milepost_playbooks to :"login";
grant create on database :"database" to :"login";
