-- The alarm about revocations of a backend that are overdue: where it stands, and what it says.

create table alarm (
    backend text primary key,
    opened_at bigint not null,
    said text not null,
    channel text not null,
    ts text not null,
    told_at bigint not null,
    digest text not null
);
