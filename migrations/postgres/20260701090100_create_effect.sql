-- What must now happen outside, and when. `next_at` is the due moment, the next try, or the end of the lease.

create table effect (
    subject text not null,
    kind text not null,
    lane text not null,
    urgency bigint not null,
    due bigint not null,
    next_at bigint not null,
    claimed boolean not null,
    wanted bigint not null,
    token bigint not null,
    attempts bigint not null,
    last_error text,
    primary key (subject, kind)
);
-- Claims and the next due moment of a lane read its first entries only, however many timers wait.
create index effect_next on effect (lane, urgency, next_at);

-- A queue's rows are short-lived: what claims and ends leave behind is cleared long before a fifth of the table is dead.
alter table effect set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
