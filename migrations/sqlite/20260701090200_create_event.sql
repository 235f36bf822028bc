-- The record: append-only. Personal fields stand apart, so that they can be erased while the commitments stay.

create table event (
    position integer primary key autoincrement,
    id text not null unique,
    at bigint not null,
    kind text not null,
    request text,
    grant_id text,
    holding text,
    body text not null
);
create index event_request on event (request, position);

create table event_personal (
    event text not null references event (id),
    position bigint not null,
    field text not null,
    salt text not null,
    value text not null,
    primary key (event, position)
);

create trigger event_is_never_changed before update on event
begin
    select raise(abort, 'events are append-only');
end;

create trigger event_is_never_removed before delete on event
begin
    select raise(abort, 'events are append-only');
end;
