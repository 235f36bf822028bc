-- Only what was started is looked for, and is hardly written any more: other processes go on meanwhile.
update request set role = coalesce(body::json #>> '{terms,role,name}', '') where state = 'started' and role = '';
