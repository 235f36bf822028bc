-- Where a request's cards stand in the chat, and what was rendered there last.

create table card (
    request text not null,
    place text not null,
    channel text not null,
    ts text not null,
    digest text not null,
    primary key (request, place)
);
