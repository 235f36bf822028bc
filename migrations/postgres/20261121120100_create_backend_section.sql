-- The section of every backend that was ever configured, so that one that is removed while access given through it is
-- there can still take it away. No secrets: those are named by their variables. `told`: what was said of its removal.

create table backend_section (
    name text primary key,
    section text not null,
    archived_at bigint not null,
    told text
);
