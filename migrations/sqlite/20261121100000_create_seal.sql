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

create trigger seal_is_never_changed before update on seal
begin
    select raise(abort, 'seals are append-only');
end;

create trigger seal_is_never_removed before delete on seal
begin
    select raise(abort, 'seals are append-only');
end;

create trigger checkpoint_is_never_changed before update on checkpoint
begin
    select raise(abort, 'checkpoints are append-only');
end;

create trigger checkpoint_is_never_removed before delete on checkpoint
begin
    select raise(abort, 'checkpoints are append-only');
end;
