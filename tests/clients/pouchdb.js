// SPDX-License-Identifier: MIT
'use strict';
// PouchDB, unmodified: the calls of its http adapter (spec/documents.md 7.2) and replication with a
// database in memory (7.3), both ways, live, and across kill -9 of the server.

const crypto = require('node:crypto');
const PouchDB = require('pouchdb').plugin(require('pouchdb-adapter-memory')).plugin(require('pouchdb-find'));
const { Server, assert, main, sleep, test, until } = require('./harness');

const DOCUMENTS = 1000;
const BYTES = Buffer.from(Array.from({ length: 300000 }, (_, i) => (i * 7919 + (i >> 8)) & 255));
const SMALL = Buffer.from('Habari za asubuhi\n');

let server;
let serial = 0;

// PouchDB leaves some rejections of its requests to nobody when its server dies; anything else is a failure
process.on('unhandledRejection', error => {
  if (!server.kills || error.type !== 'system') {
    throw error;
  }
});

/** A database on the server, with its own name. */
const remote = (name = `pouch-${++serial}`) => new PouchDB(server.url(name));

/** A database in memory, with its own name. */
const local = () => new PouchDB(`local-${++serial}`, { adapter: 'memory' });

/** A hash of 32 digits for the revisions that the tests make up. */
const hash = (...parts) => crypto.createHash('md5').update(parts.join(' ')).digest('hex');

const attachment = (bytes, content_type = 'application/octet-stream') => (
  { content_type, data: bytes.toString('base64') });

/** Whether `call` is refused with this status. */
const refused = (call, status, name) => assert.rejects(call, name ? { status, name } : { status });

/** One leaf as far as replicas must agree on it; `revpos` is left out, since PouchDB makes up its own when it pulls. */
function leafOf(doc) {
  const attachments = Object.entries(doc._attachments || {}).sort()
    .map(([name, { content_type, digest, data }]) => ({ name, content_type, digest, data }));
  return { ...doc, _attachments: attachments };
}

/** Every leaf of every document with its history and attachments, and which of them wins. */
async function leaves(db) {
  const { results } = await db.changes({ since: 0, style: 'all_docs' });
  const asked = results.flatMap(row => row.changes.map(({ rev }) => ({ id: row.id, rev })));
  const { rows } = await db.allDocs({ keys: results.map(row => row.id) });
  const found = new Map(rows.map(({ id, value }) => [id, { winner: value.rev, deleted: !!value.deleted, leaves: [] }]));
  for (let i = 0; i < asked.length; i += 100) {
    const answer = await db.bulkGet({ docs: asked.slice(i, i + 100), revs: true, attachments: true });
    for (const { id, docs } of answer.results) {
      docs.forEach(item => found.get(id).leaves.push(leafOf(item.ok || item)));
    }
  }
  for (const one of found.values()) {
    one.leaves.sort((a, b) => (a._rev < b._rev ? -1 : 1));
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Compares two databases leaf by leaf; returns the number of leaves. */
async function same(one, other, exceptIds = []) {
  const [a, b] = [await leaves(one), await leaves(other)];
  exceptIds.forEach(id => [a, b].forEach(map => map.delete(id)));
  assert.deepEqual([...b.keys()], [...a.keys()]);
  let count = 0;
  for (const [id, expected] of a) {
    assert.deepEqual(b.get(id), expected, `leaves of ${id}`);
    count += expected.leaves.length;
  }
  return count;
}

/** A document with a history of `depth` revisions that ends in a leaf of its own for each branch. */
function branches(id, names, depth = 2) {
  const trunk = Array.from({ length: depth }, (_, i) => hash(id, depth - i));
  return names.map(name => ({
    _id: id, _rev: `${depth + 1}-${hash(id, name)}`, branch: name,
    _revisions: { start: depth + 1, ids: [hash(id, name), ...trunk] },
  }));
}

/** Fills a database: plain, edited, deleted, conflicting and odd documents and three attachments. */
async function fill(db, stem) {
  const plain = Array.from({ length: DOCUMENTS - 120 }, (_, i) => ({ _id: `${stem}-plain-${String(i).padStart(4, '0')}`,
    n: i, text: `Mtoto ${i}`, nested: { list: [1, 'b', null, { c: i }] } }));
  const stored = await db.bulkDocs(plain);
  await db.bulkDocs(stored.slice(0, 50).map((item, i) => ({ ...plain[i], _rev: item.rev, edited: true })));
  await db.bulkDocs(stored.slice(50, 80).map(item => ({ _id: item.id, _rev: item.rev, _deleted: true, why: 'moved' })));
  const conflicts = Array.from({ length: 100 }, (_, i) => branches(`${stem}-conflict-${i}`,
    i % 3 ? ['a', 'b'] : ['a', 'b', 'c'], 1 + (i % 4)));
  conflicts[1][0]._deleted = true;
  conflicts[2].forEach(leaf => { leaf._deleted = true; });
  conflicts[4][1]._attachments = { 'in a conflict.txt': attachment(SMALL, 'text/plain') };
  await db.bulkDocs(conflicts.flat(), { new_edits: false });
  const odd = ['a/b c', 'x+y', '100%', 'é🌍', 'q?x=1&y', 'h#1', '[1]', 'a:b'];
  await db.bulkDocs(odd.map(name => ({ _id: `${stem} ${name}`, name })));
  await db.put({ _id: `${stem}-bytes`,
    _attachments: { 'photo 1.bin': attachment(BYTES), 'dir/note.txt': attachment(SMALL, 'text/plain') } });
  const again = await db.get(`${stem}-bytes`);
  await db.put({ ...again, edited: true });
  await db.put({ _id: `_design/${stem}`, views: {}, note: 'kept, never run' });
}

/** The sequence number of a database on the server, asked past PouchDB. */
async function sequence(db) {
  const answer = await server.ask('GET', new URL(db.name).pathname.slice(1));
  assert.equal(answer.status, 200);
  return answer.body.update_seq;
}

test('start', async () => {
  server = await new Server().start();
});

test('the first call creates the database; info, destroy', async () => {
  const db = remote('opened');
  const info = await db.info();
  assert.equal(info.db_name, 'opened');
  assert.equal(info.doc_count, 0);
  assert.equal((await server.ask('GET', 'opened/')).status, 200);
  assert.match(await db.id(), /^[0-9a-f]{32}/);
  assert.equal((await db.destroy()).ok, true);
  assert.equal((await server.ask('GET', 'opened/')).status, 404);
});

test('put, get, remove, post', async () => {
  const db = remote();
  const one = await db.put({ _id: 'a/b c', n: 1, z: { y: [1, null] } });
  assert.match(one.rev, /^1-[0-9a-f]{32}$/);
  const two = await db.put({ _id: 'a/b c', _rev: one.rev, n: 2 });
  await refused(db.put({ _id: 'a/b c', n: 3 }), 409, 'conflict');
  await refused(db.put({ _id: 'a/b c', _rev: one.rev, n: 3 }), 409, 'conflict');
  const doc = await db.get('a/b c', { revs: true, revs_info: true, latest: true, conflicts: true });
  assert.equal(doc.n, 2);
  assert.deepEqual(doc._revisions, { start: 2, ids: [two.rev.slice(2), one.rev.slice(2)] });
  assert.deepEqual(doc._revs_info.map(info => info.status), ['available', 'available']);
  assert.equal((await db.get('a/b c', { rev: one.rev })).n, 1);
  assert.equal((await db.get('a/b c', { rev: one.rev, latest: true })).n, 2);
  await refused(db.get('never'), 404, 'not_found');
  const posted = await db.post({ n: 4 });
  assert.equal((await db.get(posted.id)).n, 4);
  await refused(db.remove('a/b c', one.rev), 409, 'conflict');
  assert.match((await db.remove('a/b c', two.rev)).rev, /^3-/);
  await assert.rejects(db.get('a/b c'), { status: 404, reason: 'deleted' });
  assert.match((await db.put({ _id: 'a/b c', n: 5 })).rev, /^4-/);
  await db.put({ _id: '_design/x', views: {} });
  assert.deepEqual((await db.get('_design/x')).views, {});
});

test('local documents', async () => {
  const db = remote();
  const id = '_local/_yUZ5=+ab./==';
  assert.equal((await db.put({ _id: id, at: 1 })).rev, '0-1');
  assert.equal((await db.put({ _id: id, _rev: '0-1', at: 2 })).rev, '0-2');
  await refused(db.put({ _id: id, _rev: '0-1', at: 3 }), 409);
  assert.deepEqual(await db.get(id), { _id: id, _rev: '0-2', at: 2 });
  const info = await db.info();
  assert.deepEqual([info.doc_count, info.update_seq], [0, 0]);
  assert.deepEqual((await db.allDocs()).rows, []);
  assert.deepEqual((await db.changes()).results, []);
  await db.remove(id, '0-2');
  await refused(db.get(id), 404);
});

test('bulkDocs, open_revs, bulkGet, revsDiff', async () => {
  const db = remote();
  const answer = await db.bulkDocs([{ _id: 'a' }, { n: 2 }, { _id: 'a', n: 3 }]);
  assert.deepEqual(answer.map(item => item.ok || item.status), [true, true, 409]);
  const leafs = branches('tree', ['a', 'b', 'c']);
  leafs[2]._deleted = true;
  assert.deepEqual(await db.bulkDocs(leafs, { new_edits: false }), []);
  const live = leafs.slice(0, 2).map(leaf => leaf._rev).sort().reverse();
  const doc = await db.get('tree', { conflicts: true });
  assert.equal(doc._rev, live[0]);
  assert.deepEqual(doc._conflicts, [live[1]]);
  const all = await db.get('tree', { open_revs: 'all' });
  assert.deepEqual(all.map(item => item.ok._rev), [...live, leafs[2]._rev]);
  const some = await db.get('tree', { open_revs: [live[1], '7-0'], revs: true });
  assert.equal(some[0].ok._revisions.ids.length, 3);
  assert.equal(some[1].missing, '7-0');
  const asked = [['tree', live[1]], ['never', '1-0'], ['tree', '7-0']].map(([id, rev]) => ({ id, rev }));
  const got = await db.bulkGet({ docs: asked, revs: true });
  assert.deepEqual(got.results.map(item => item.id), ['tree', 'never', 'tree']);
  assert.equal(got.results[0].docs[0].ok._rev, live[1]);
  assert.equal(got.results[1].docs[0].error.error, 'not_found');
  assert.equal(got.results[2].docs[0].error.reason, 'missing');
  assert.equal((await db.bulkGet({ docs: [{ id: 'tree' }] })).results.flatMap(item => item.docs).length, 3);
  const old = `2-${hash('tree', 2)}`;
  const latest = await db.bulkGet({ docs: [{ id: 'tree', rev: old }], revs: true, latest: true });
  assert(latest.results[0].docs.every(item => item.ok), JSON.stringify(latest));
  const diff = await db.revsDiff({ tree: [live[0], old, '9-0'], never: ['1-0'], a: [answer[0].rev] });
  assert.deepEqual(Object.keys(diff).sort(), ['never', 'tree']);
  assert.deepEqual(diff.tree.missing, ['9-0']);
  assert.deepEqual([...diff.tree.possible_ancestors].sort(), leafs.map(leaf => leaf._rev).sort());
  assert.deepEqual(diff.never.missing, ['1-0']);
});

test('attachments', async () => {
  const db = remote();
  const name = 'dir/f 1 é.bin';
  const one = await db.putAttachment('k/2', name, BYTES, 'image/png');
  const two = await db.putAttachment('k/2', 'note.txt', one.rev, SMALL, 'text/plain');
  const doc = await db.get('k/2');
  assert.deepEqual(Object.keys(doc._attachments).sort(), [name, 'note.txt']);
  const md5 = crypto.createHash('md5').update(BYTES).digest('base64');
  assert.equal(doc._attachments[name].digest, `md5-${md5}`);
  assert(BYTES.equals(await db.getAttachment('k/2', name)));
  assert(SMALL.equals(await db.getAttachment('k/2', 'note.txt', { rev: two.rev })));
  const whole = await db.get('k/2', { attachments: true, binary: true });
  assert(BYTES.equals(whole._attachments[name].data));
  await refused(db.getAttachment('k/2', 'never'), 404);
  await refused(db.putAttachment('k/2', 'late', one.rev, SMALL, 'text/plain'), 409);
  const less = await db.removeAttachment('k/2', 'note.txt', two.rev);
  assert.deepEqual(Object.keys((await db.get('k/2'))._attachments), [name]);
  const large = crypto.randomBytes(9000000);
  await db.putAttachment('large', 'film.mp4', large, 'video/mp4');
  assert(large.equals(await db.getAttachment('large', 'film.mp4')));
  const [from, to] = [local(), local()];
  await from.put({ _id: 'large too', _attachments: { 'film.mp4': attachment(large) } });
  await from.replicate.to(db);
  await to.replicate.from(db);
  for (const id of ['large', 'large too']) {
    assert(large.equals(await to.getAttachment(id, 'film.mp4')), id);
  }
  const inline = await db.put({ _id: 'inline', _attachments: { 'a b': attachment(SMALL) } });
  assert(SMALL.equals(await db.getAttachment('inline', 'a b')));
  assert.deepEqual([less.ok, inline.ok], [true, true]);
  const listed = await db.allDocs({ include_docs: true, attachments: true });
  assert.equal(listed.rows.find(row => row.id === 'inline').doc._attachments['a b'].data, SMALL.toString('base64'));
});

test('allDocs', async () => {
  const db = remote();
  await db.bulkDocs(['c', 'a', 'b', 'd'].map(_id => ({ _id })));
  await db.remove(await db.get('d'));
  const ids = async options => (await db.allDocs(options)).rows.map(row => row.id || row.error);
  assert.deepEqual(await ids({}), ['a', 'b', 'c']);
  assert.deepEqual(await ids({ startkey: 'b' }), ['b', 'c']);
  assert.deepEqual(await ids({ startkey: 'a', endkey: 'c', inclusive_end: false }), ['a', 'b']);
  assert.deepEqual(await ids({ descending: true, limit: 1, skip: 1 }), ['b']);
  assert.deepEqual(await ids({ key: 'b' }), ['b']);
  assert.deepEqual(await ids({ keys: ['c', 'never', 'a', 'd'] }), ['c', 'not_found', 'a', 'd']);
  const many = Array.from({ length: 600 }, (_, i) => `long key number ${i}`);
  assert.equal((await db.allDocs({ keys: ['a', ...many] })).rows.length, 601);
  const { rows, total_rows } = await db.allDocs({ include_docs: true, conflicts: true, update_seq: true });
  assert.equal(total_rows, 3);
  assert.equal(rows[0].doc._id, 'a');
});

test('changes: pages, doc_ids, selector, since now, live', async () => {
  const db = remote();
  await db.bulkDocs(Array.from({ length: 60 }, (_, i) => ({ _id: `c${i}`, n: i })));
  const all = await db.changes({ since: 0, include_docs: true });
  assert.deepEqual(all.results.map(row => row.doc.n), Array.from({ length: 60 }, (_, i) => i));
  assert.equal(all.last_seq, 60);
  assert.equal((await db.changes({ since: 0, limit: 7 })).last_seq, 7);
  assert.deepEqual((await db.changes({ doc_ids: ['c5', 'c50', 'never'] })).results.map(row => row.id), ['c5', 'c50']);
  assert.deepEqual((await db.changes({ descending: true, limit: 2 })).results.map(row => row.id), ['c59', 'c58']);
  const seen = [];
  const feed = db.changes({ since: 'now', live: true, include_docs: true, heartbeat: 1000 });
  let hears = false;
  feed.on('change', change => (change.id === 'probe' ? hears = true : seen.push(change.doc.n)));
  let rev;
  await until('the feed has begun', async () => { // what is written before that is not its concern
    ({ rev } = await db.put({ _id: 'probe', _rev: rev }));
    return hears;
  });
  for (let i = 100; i < 104; i++) {
    await db.put({ _id: `late${i}`, n: i });
    await until(`change ${i}`, () => seen.length === i - 99);
  }
  await sleep(2500); // heartbeats keep an idle feed
  await db.put({ _id: 'last', n: 104 });
  await until('change after the heartbeats', () => seen.length === 5);
  feed.cancel();
  await feed;
  assert.deepEqual(seen, [100, 101, 102, 103, 104]);
});

test('query', async () => {
  const db = remote('medic');
  await db.bulkDocs([['q1', 'person'], ['q2', 'person'], ['q3', 'clinic']].map(([_id, type]) => ({ _id, type })));
  const ids = async options => {
    const { rows } = await db.query('medic-client/contacts_by_type', { reduce: false, ...options });
    return rows.map(row => row.id);
  };
  assert.deepEqual(await ids({ key: ['person'] }), ['q1', 'q2']);
  assert.deepEqual(await ids({ keys: [['person'], ['clinic']] }), ['q1', 'q2', 'q3']);
  const many = Array.from({ length: 600 }, (_, i) => [`long key number ${i}`]);
  assert.deepEqual(await ids({ keys: [...many, ['clinic']] }), ['q3']);
  assert.deepEqual(await ids({ startkey: ['clinic'], endkey: ['clinic', {}], include_docs: true }), ['q3']);
  const { rows } = await db.query('medic-client/contacts_by_type', { group: true });
  assert.deepEqual(rows, [{ key: ['clinic'], value: 1 }, { key: ['person'], value: 2 }]);
  await refused(db.query('medic-client/never'), 404);
});

test('find, createIndex, getIndexes, explain, deleteIndex', async () => {
  const db = remote();
  await db.bulkDocs(Array.from({ length: 30 }, (_, i) => ({ _id: `f${100 + i}`, n: i })));
  assert.equal((await db.createIndex({ index: { fields: ['n'], name: 'by-n', ddoc: 'by-n' } })).result, 'created');
  assert.equal((await db.createIndex({ index: { fields: ['n'], name: 'by-n', ddoc: 'by-n' } })).result, 'exists');
  const { indexes } = await db.getIndexes();
  assert.deepEqual(indexes.map(index => index.name), ['_all_docs', 'by-n']);
  assert.deepEqual(indexes[1].def.fields, [{ n: 'asc' }]);
  const found = await db.find({ selector: { n: { $gt: 3, $lt: 6 } }, fields: ['_id', 'n'] });
  assert.deepEqual(found.docs, [{ _id: 'f104', n: 4 }, { _id: 'f105', n: 5 }]);
  assert.equal((await db.explain({ selector: { n: 3 } })).dbname, new URL(db.name).pathname.slice(1));
  assert.equal((await db.deleteIndex(indexes[1])).ok, true);
  assert.equal((await db.getIndexes()).indexes.length, 1);
});

test('compact, viewCleanup', async () => {
  const db = remote();
  const one = await db.put({ _id: 'a', n: 1 });
  const two = await db.put({ _id: 'a', _rev: one.rev, n: 2 });
  assert.deepEqual(await db.compact({ interval: 50 }), { ok: true });
  await until('the older body is dropped', async () => {
    const { _revs_info: info } = await db.get('a', { revs_info: true });
    return info[1].status === 'missing';
  });
  await refused(db.get('a', { rev: one.rev }), 404);
  assert.deepEqual(await db.revsDiff({ a: [one.rev, two.rev] }), {});
  assert.deepEqual(await db.viewCleanup(), { ok: true });
});

test('push: every leaf arrives, a second push writes nothing', async () => {
  const [from, to] = [local(), remote()];
  await fill(from, 'push');
  const first = await from.replicate.to(to);
  assert(first.ok && first.docs_written > DOCUMENTS - 10, JSON.stringify(first));
  assert.equal(first.doc_write_failures, 0);
  assert(await same(from, to) > DOCUMENTS + 100);
  const revpos = async db => {
    const stubs = (await db.get('push-bytes'))._attachments;
    return ['photo 1.bin', 'dir/note.txt'].map(name => stubs[name].revpos);
  };
  assert.deepEqual(await revpos(to), await revpos(from));
  const before = await sequence(to);
  const second = await from.replicate.to(to);
  assert.deepEqual([second.docs_read, second.docs_written], [0, 0]);
  const whole = await from.replicate.to(to, { checkpoint: false, since: 0 });
  assert.equal(whole.docs_written, 0);
  assert.equal(await sequence(to), before);
  await from.put({ _id: 'one more' });
  assert.equal((await from.replicate.to(to)).docs_written, 1);
  await same(from, to);
}, 120);

test('pull: every leaf arrives, a second pull writes nothing', async () => {
  const [from, to] = [remote(), local()];
  await fill(from, 'pull');
  const first = await to.replicate.from(from);
  assert(first.ok && first.docs_written > DOCUMENTS - 10, JSON.stringify(first));
  assert.equal(first.doc_write_failures, 0);
  assert(await same(from, to) > DOCUMENTS + 100);
  const before = await sequence(from);
  const second = await to.replicate.from(from);
  assert.deepEqual([second.docs_read, second.docs_written], [0, 0]);
  assert.equal((await to.replicate.from(from, { checkpoint: false, since: 0 })).docs_written, 0);
  assert.equal(await sequence(from), before);
  const tree = await from.get('pull-conflict-0');
  await from.put({ ...tree, merged: true });
  assert.equal((await to.replicate.from(from)).docs_written, 1);
  await same(from, to);
}, 120);

test('pull of some documents only', async () => {
  const [from, to] = [remote(), local()];
  await from.bulkDocs(Array.from({ length: 30 }, (_, i) => ({ _id: `s${i}`, n: i })));
  await to.replicate.from(from, { doc_ids: ['s3', 's7', 'never'] });
  assert.deepEqual((await to.allDocs()).rows.map(row => row.id), ['s3', 's7']);
});

test('both sides edit one document: the same winner, a conflict on both', async () => {
  const [one, two, middle] = [local(), local(), remote()];
  await one.put({ _id: 'doc', by: 'nobody' });
  await one.sync(middle);
  await two.sync(middle);
  await one.put({ ...await one.get('doc'), by: 'one' });
  await two.put({ ...await two.get('doc'), by: 'two' });
  await one.sync(middle);
  await two.sync(middle);
  await one.sync(middle);
  const seen = await Promise.all([one, two, middle].map(db => db.get('doc', { conflicts: true })));
  assert.deepEqual(seen[1], seen[0]);
  assert.deepEqual(seen[2], seen[0]);
  assert.equal(seen[0]._conflicts.length, 1);
  await middle.remove('doc', seen[0]._conflicts[0]);
  await one.sync(middle);
  await same(one, middle);
  assert.equal((await one.get('doc', { conflicts: true }))._conflicts, undefined);
});

const count = found => [...found.values()].reduce((sum, one) => sum + one.leaves.length, 0);

/** Replicates in small steps, kills the server after `enough` leaves; the number that was acknowledged. */
async function interrupted(replication, enough) {
  let written = 0;
  let killed = null;
  replication.on('change', info => {
    written = info.docs_written;
    if (written >= enough && !killed) {
      killed = server.kill();
    }
  });
  await assert.rejects(replication, 'the replication outlived its server');
  assert(killed, 'the server was not killed');
  await killed;
  return written;
}

test('push, kill -9 in the middle, resumed', async () => {
  const [from, to] = [local(), remote()];
  await fill(from, 'cut');
  const written = await interrupted(from.replicate.to(to, { batch_size: 40 }), 300);
  await server.start();
  const there = await leaves(to);
  assert(there.size < DOCUMENTS, 'the server was killed too late');
  assert(count(there) >= written, `${count(there)} leaves of ${written} acknowledged ones`);
  const rest = await from.replicate.to(to, { batch_size: 40 });
  assert(rest.docs_written <= count(await leaves(from)) - written, `${rest.docs_written} written again`);
  await same(from, to);
}, 120);

test('pull, kill -9 in the middle, resumed', async () => {
  const [from, to] = [remote(), local()];
  await fill(from, 'torn');
  const written = await interrupted(to.replicate.from(from, { batch_size: 40 }), 300);
  await server.start();
  const rest = await to.replicate.from(from, { batch_size: 40 });
  assert(rest.docs_written <= count(await leaves(from)) - written, `${rest.docs_written} read again`);
  await same(from, to);
}, 120);

test('live both ways, with two kills of the server in the middle', async () => {
  const [here, there] = [local(), remote()];
  await there.info();
  const sync = here.sync(there, { live: true, retry: true, batch_size: 25, heartbeat: 2000,
    back_off_function: () => 200 });
  sync.on('error', () => {});
  const write = (db, stem, length) => db.bulkDocs(Array.from({ length }, (_, i) => ({ _id: `${stem}${i}`, stem, i })));
  const settled = what => until(what, async () => {
    const [a, b] = await Promise.all([here, there].map(db => db.changes({ since: 0, style: 'all_docs' })));
    const text = rows => rows.results.map(row => JSON.stringify([row.id, row.changes])).sort().join();
    return text(a) === text(b);
  }, 40);
  try {
    await write(here, 'h1-', 60);
    await write(there, 't1-', 60);
    await settled('the first documents on both sides');
    await write(there, 't2-', 400);
    const moving = new Promise(resolve => { sync.on('change', resolve); });
    await write(here, 'h2-', 400);
    await moving;
    await server.kill();
    await server.start();
    await settled('everything after the first kill');
    await server.kill();
    await write(here, 'h3-', 50);
    await here.put({ ...await here.get('t1-0'), changed: 'while the server was away' });
    await server.start();
    await there.put({ ...await there.get('h1-0'), changed: 'on the server' });
    await here.put({ _id: 'bytes', _attachments: { 'a b.bin': attachment(BYTES) } });
    await settled('everything after the second kill');
    assert.equal((await here.info()).doc_count, 60 + 60 + 400 + 400 + 50 + 1);
    await same(here, there);
    const before = await sequence(there);
    await sleep(1500);
    assert.equal(await sequence(there), before, 'the two sides keep writing to each other');
  } finally {
    sync.cancel();
    await sleep(200);
  }
}, 150);

test('replication with the default database below /cdb/~ and as /medic', async () => {
  const seed = new PouchDB(server.url('cdb/~'));
  const db = remote('medic');
  const to = local();
  const { rev } = await seed.put({ _id: 'seed-1', n: 1 });
  assert.equal((await db.get('seed-1'))._rev, rev);
  await to.put({ _id: 'seed-2', n: 2 });
  await to.replicate.to(seed);
  assert.equal((await db.get('seed-2')).n, 2);
  await to.replicate.from(db, { filter: undefined });
  const mine = await leaves(to);
  const theirs = await leaves(db);
  assert.deepEqual([...mine.keys()], [...theirs.keys()]);
});

test('stop', () => server.finish());

main();
