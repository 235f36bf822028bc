-- The rows of the core. `body` is the whole row as JSON; the columns beside it are what is filtered by and guarded.

create table person (
    id text primary key,
    version bigint not null,
    email text,
    body text not null
);
create unique index person_email on person (email) where email is not null;

create table person_account (
    slack_id text primary key,
    person text not null references person (id)
);
create index person_account_person on person_account (person);

-- A principal of a backend belongs to one person, whoever comes first.
create table principal (
    backend text not null,
    name text not null,
    person text not null,
    primary key (backend, name)
);

create table request (
    id text primary key,
    version bigint not null,
    short text not null unique,
    state text not null,
    requester text not null,
    holder text not null,
    asked_at bigint not null,
    deadline bigint not null,
    starts_at bigint,
    review_due bigint,
    review_owed boolean not null,
    body text not null
);
create index request_state on request (state, asked_at);
create index request_requester on request (requester, asked_at);
create index request_holder on request (holder, asked_at);
create index request_review_owed on request (review_due) where review_owed;

create table review (
    id text primary key,
    request text not null references request (id),
    position bigint not null default 0,
    stage bigint not null,
    reviewer text not null,
    verdict text not null,
    strength text not null,
    at bigint not null,
    rules text not null,
    mac text not null
);
create index review_request on review (request);

create table access_grant (
    id text primary key,
    version bigint not null,
    short text not null unique,
    request text not null references request (id),
    holder text not null,
    state text not null,
    live boolean not null,
    ends_at bigint,
    body text not null
);
create index access_grant_request on access_grant (request);
create index access_grant_live on access_grant (id) where live;
create index access_grant_live_holder on access_grant (holder) where live;

create table holding (
    id text primary key,
    version bigint not null,
    backend text not null,
    principal text not null,
    person text not null,
    entitlement text not null,
    grant_id text not null,
    body text not null,
    unique (backend, principal, entitlement, grant_id)
);

create table delivery (
    key text primary key,
    request text
);
