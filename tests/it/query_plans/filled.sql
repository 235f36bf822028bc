-- Makes many of all that stands in a young database: every row some hundred times, under ids, names and letters of its own,
-- so that what belongs together still does. Few of them wait to be decided or reviewed, as many as a page shows, and few are events,
-- since the bot seals every one.
set auto_explain.log_min_duration = -1;

-- Ids that begin with the copy's number; accounts and addresses likewise.
create function pg_temp.ids(said text, number bigint) returns text language sql immutable as
    $$ select regexp_replace(said, '\m[0-9a-f]{8}(-[0-9a-f]{4}-7[0-9a-f]{3}-)', to_char(number, 'FM00000000') || '\1', 'g') $$;
create function pg_temp.names(said text, number bigint) returns text language sql immutable as
    $$ select regexp_replace(regexp_replace(pg_temp.ids(said, number), '\mU0', 'U9' || number || 'N', 'g'),
        '\m([a-z]+)@', 'x' || number || '.\1@', 'g') $$;
create function pg_temp.letters(short text, number bigint) returns text language sql immutable as
    $$ select upper(left(md5(short || ':' || number), 12)) $$;

create temp table many as select generate_series(1, 400) as n;

insert into person (id, version, email, body)
    select pg_temp.ids(id, n), version, pg_temp.names(email, n), pg_temp.names(body, n) from person, many;
insert into person_account (slack_id, person)
    select pg_temp.names(slack_id, n), pg_temp.ids(person, n) from person_account, many;
insert into principal (backend, name, person)
    select backend, name || ':' || n, pg_temp.ids(person, n) from principal, many;
insert into request (id, version, short, state, requester, holder, asked_at, deadline, starts_at, review_due, review_owed,
        role, body)
    select pg_temp.ids(id, n), version, pg_temp.letters(short, n), state, pg_temp.ids(requester, n), pg_temp.ids(holder, n),
        asked_at - n, deadline, starts_at, review_due, review_owed, role,
        replace(pg_temp.ids(body, n), '"' || short || '"', '"' || pg_temp.letters(short, n) || '"')
    from request, many where n <= case when state = 'pending' or review_owed then 60 else 400 end;
insert into review (id, request, position, stage, reviewer, verdict, strength, at, rules, mac)
    select pg_temp.ids(id, n), pg_temp.ids(request, n), position, stage, reviewer, verdict, strength, at, rules, mac
    from review, many where pg_temp.ids(request, n) in (select id from request);
insert into access_grant (id, version, short, request, holder, state, live, ends_at, body)
    select pg_temp.ids(id, n), version, pg_temp.letters(short, n), pg_temp.ids(request, n), pg_temp.ids(holder, n), state,
        live, ends_at, replace(pg_temp.ids(body, n), '"' || short || '"', '"' || pg_temp.letters(short, n) || '"')
    from access_grant, many where pg_temp.ids(request, n) in (select id from request);
insert into holding (id, version, backend, principal, person, entitlement, grant_id, body)
    select pg_temp.ids(id, n), version, backend, principal || ':' || n, pg_temp.ids(person, n), entitlement,
        pg_temp.ids(grant_id, n),
        replace(pg_temp.ids(body, n), '"principal":"' || principal || '"', '"principal":"' || principal || ':' || n || '"')
    from holding, many;
insert into delivery (key, request) select key || ':' || n, pg_temp.ids(request, n) from delivery, many where n <= 200;
insert into card (request, place, channel, ts, digest)
    select pg_temp.ids(request, n), place, channel, ts || ':' || n, digest from card, many where n <= 100;
insert into home (account, person, pages, digest, watches)
    select pg_temp.names(account, n), pg_temp.ids(person, n), pages, digest, false from home, many;
insert into home_waits (account, request)
    select pg_temp.names(account, n), pg_temp.ids(request, n) from home_waits, many;
-- The looks at everything don't come round: what is made here nobody ever approved, and they would end it.
update effect set due = due + 2592000000000, next_at = next_at + 2592000000000 where subject = 'ledger:' or kind = 'reconcile';
insert into effect (subject, kind, lane, urgency, due, next_at, claimed, wanted, token, attempts, last_error, failure)
    select pg_temp.ids(subject, n), kind, lane, urgency, due + 2592000000000, next_at + 2592000000000, false, wanted, token,
        attempts, last_error, failure
    from effect, many where subject like 'request:%' or subject like 'grant:%' or subject like 'holding:%';
insert into event (id, at, kind, request, grant_id, holding, body)
    select pg_temp.ids(id, n), at, kind, pg_temp.ids(request, n), pg_temp.ids(grant_id, n), pg_temp.ids(holding, n), body
    from event, many where n <= 20;
insert into event_personal (event, position, field, salt, value)
    select pg_temp.ids(event, n), position, field, salt, value from event_personal, many where n <= 20;
