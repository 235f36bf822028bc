// The peer of many ends at once: graphile-worker draining no-op jobs that are all due.
// Usage: node graphile.cjs CONNECTION CONCURRENCY JOBS; says `ms N`.
const { makeWorkerUtils, run } = require("graphile-worker");
const { Pool } = require("pg");

const [connectionString, concurrency, jobs] = process.argv.slice(2);
(async () => {
  const utils = await makeWorkerUtils({ connectionString });
  await utils.migrate();
  await utils.withPgClient((client) =>
    client.query("select graphile_worker.add_job('noop', '{}'::json) from generate_series(1, $1::int)", [jobs]),
  );
  await utils.release();
  const pgPool = new Pool({ connectionString, max: Number(concurrency) + 4 });
  let left = Number(jobs);
  const began = process.hrtime.bigint();
  const runner = await run({
    pgPool,
    concurrency: Number(concurrency),
    noHandleSignals: true,
    pollInterval: 100,
    logger: new (require("graphile-worker").Logger)(() => () => {}),
    taskList: { noop: async () => {} },
  });
  runner.events.on("job:complete", async () => {
    left -= 1;
    if (left > 0) return;
    console.log(`ms ${Number(process.hrtime.bigint() - began) / 1e6}`);
    await runner.stop();
    await pgPool.end();
    process.exit(0);
  });
})();
