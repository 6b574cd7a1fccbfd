// SPDX-License-Identifier: MIT
'use strict';
// express-pouchdb with its leveldb adapter, and no more of it than a PouchDB client needs: the yardstick.
//   node server.js PORT DIRECTORY

const [port, directory] = process.argv.slice(2);
const PouchDB = require('pouchdb').defaults({ prefix: `${directory}/` });
const app = require('express')();

process.chdir(directory);
app.use('/', require('express-pouchdb')(PouchDB, { mode: 'minimumForPouchDB' }));
// node ends a connection that was idle for five seconds; the driver keeps its own for longer
app.listen(Number(port), '127.0.0.1').keepAliveTimeout = 600000;
process.on('SIGTERM', () => process.exit(0));
