// SPDX-License-Identifier: MIT
'use strict';
// Pulls the database at $REMOTE into one in memory; prints the documents, the seconds, and how many of
// them this process computed.

const PouchDB = require('pouchdb').plugin(require('pouchdb-adapter-memory'));

(async () => {
  const local = new PouchDB('local', { adapter: 'memory' });
  const began = process.hrtime.bigint();
  const { docs_written: documents } = await local.replicate.from(process.env.REMOTE, { batch_size: 1000 });
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const { user, system } = process.cpuUsage();
  console.log(JSON.stringify({ documents, seconds, cpu: (user + system) / 1e6 }));
  process.exit(0);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
