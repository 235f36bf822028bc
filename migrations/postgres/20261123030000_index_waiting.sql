-- What somebody waits for is found without reading all that they ever asked.
create index request_waiting on request (requester) where state = 'pending';
