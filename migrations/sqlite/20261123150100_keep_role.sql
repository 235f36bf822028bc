-- Beside the body, so that uses of a role are found without reading all that somebody asked. Locks the table for a moment
-- only: rows are filled by the next migration, in a transaction of its own.
alter table request add column role text not null default '';
