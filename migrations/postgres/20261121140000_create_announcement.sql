-- What the security channel must still be told: written with the change that caused it, gone once it was said.

create table announcement (
    id text primary key,
    at bigint not null,
    body text not null,
    -- What Slack answered where it refused for good: such a one no longer holds up those that came after it.
    refused text
);
