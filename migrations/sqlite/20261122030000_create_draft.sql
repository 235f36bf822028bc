-- What somebody began and hasn't sent: behind a button stands its id alone. Short-lived, and theirs only.
create table if not exists draft (
  id     text primary key,
  person text not null,
  body   text not null,
  -- Microseconds; nobody can use it after that.
  until  bigint not null
);
create index if not exists draft_until on draft (until);
create index if not exists draft_person on draft (person);
