-- The record: append-only. Personal fields stand apart, so that they can be erased while the commitments stay.

create table event (
    position bigint generated always as identity primary key,
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

create function refuse_to_change_events() returns trigger language plpgsql as $$
begin
    raise exception 'events are append-only';
end
$$;

create trigger event_is_never_changed before update or delete on event
    for each row execute function refuse_to_change_events();
