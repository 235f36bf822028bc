-- A start voids the claims of a dead process without reading every pending timer.
create index effect_claimed on effect (lane) where claimed;
