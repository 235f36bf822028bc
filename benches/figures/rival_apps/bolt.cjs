// The peer of a command: an app on Bolt JS that puts one row on disk for each command before it acknowledges it.
// Usage: node bolt.cjs DATABASE SIGNING_SECRET; says `port N` once it listens.
const { App, HTTPReceiver } = require("@slack/bolt");
const Database = require("better-sqlite3");

const [database, signingSecret] = process.argv.slice(2);
const db = new Database(database);
db.pragma("journal_mode = wal");
db.pragma("synchronous = full");
db.exec("create table if not exists request (id integer primary key, asker text not null, body text not null, at integer not null)");
const insert = db.prepare("insert into request (asker, body, at) values (?, ?, ?)");

const receiver = new HTTPReceiver({ signingSecret, endpoints: "/slack/commands" });
const app = new App({
  receiver,
  // What Slack would say of the token: no call, so that nothing but the app is measured.
  authorize: async () => ({ botToken: "xoxb-sandbox", botId: "B0BOT", botUserId: "U0BOT" }),
});
app.command("/prod-access", async ({ command, ack }) => {
  const { lastInsertRowid } = insert.run(command.user_id, command.text, Date.now());
  await ack({ response_type: "ephemeral", text: `R-${lastInsertRowid} is on record.` });
});
receiver.start(0, { host: "127.0.0.1" }).then((server) => console.log(`port ${server.address().port}`));
process.stdin.on("end", () => process.exit(0)).resume();
