-- Where no channel takes an alarm, it stands with several people: [["D…", "ts"], …], beside the first place.

alter table alarm add column copies text not null default '[]';
