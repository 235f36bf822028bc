-- Every configuration that was loaded, with the authority it gave.

create table configuration (
    position bigint generated always as identity primary key,
    digest text not null,
    loaded_at bigint not null,
    authority text not null,
    text text not null
);
