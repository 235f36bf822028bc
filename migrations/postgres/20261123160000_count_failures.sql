-- How many tries failed in a row: the pause before the next grows with them, and not with the claims of processes that died.
alter table effect add column failures bigint not null default 0;
