-- Whether somebody ever had a role is found without reading all that they asked.
create index request_role_uses on request (holder, role, asked_at) where state = 'started';
