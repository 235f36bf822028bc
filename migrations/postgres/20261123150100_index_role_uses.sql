-- Whether somebody ever had a role is found without reading all that they asked.
alter table request add column role text not null default '';
update request set role = coalesce(body::json #>> '{terms,role,name}', '');
create index request_role_uses on request (holder, role, asked_at) where state = 'started';
