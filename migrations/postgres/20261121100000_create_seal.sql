-- The proof beside the record: a gapless sequence with a hash chain over the events' stored bytes, and signed
-- checkpoints of it. Apart from the events, so that whoever writes an event waits for nobody.

create table seal (
    sequence bigint primary key,
    event text not null unique,
    hash text not null
);

create table checkpoint (
    sequence bigint primary key,
    hash text not null,
    at bigint not null,
    key text not null,
    signature text not null
);

create function refuse_to_change_the_proof() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name;
end
$$;

create trigger seal_is_never_changed before update or delete on seal
    for each row execute function refuse_to_change_the_proof();
create trigger seal_is_never_emptied before truncate on seal
    for each statement execute function refuse_to_change_the_proof();
create trigger checkpoint_is_never_changed before update or delete on checkpoint
    for each row execute function refuse_to_change_the_proof();
create trigger checkpoint_is_never_emptied before truncate on checkpoint
    for each statement execute function refuse_to_change_the_proof();
create trigger event_is_never_emptied before truncate on event
    for each statement execute function refuse_to_change_the_proof();
