-- How the last try of an effect failed, where it did: so that people are told that a target doesn't answer.
alter table effect add column failure text;
