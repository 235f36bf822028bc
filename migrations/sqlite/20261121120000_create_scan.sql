-- How far a look at everything has come: after which row the next page begins, empty where it begins anew.

create table scan (
    name text primary key,
    after text not null
);
