-- Rows that are written again and again find room on their own page: a new version there needs no entry in any index.
-- Pages that are full already stay as they are.
alter table access_grant set (fillfactor = 50);
alter table holding set (fillfactor = 50);
