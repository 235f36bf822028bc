-- Homes that were opened once: which pages they show, and what was rendered there last.

create table home (
    account text not null primary key,
    person text not null,
    pages text not null,
    digest text not null,
    watches boolean not null
);

create index home_person on home (person);
create index home_watches on home (person) where watches;

-- The requests that a home shows as waiting for its reader: whoever isn't asked any more is no longer named in them.
create table home_waits (
    account text not null,
    request text not null,
    primary key (request, account)
);

create index home_waits_account on home_waits (account);
