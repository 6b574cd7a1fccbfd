// SPDX-License-Identifier: MIT
'use strict';
// nano, unmodified: every call of spec/documents.md 7.1.

const crypto = require('node:crypto');
const nano = require('nano');
const { PASSWORD, Server, assert, main, test, until } = require('./harness');

const REV = n => new RegExp(`^${n}-[0-9a-f]{32}$`);
const NAMES = ['a/b c', 'x+y', '100%', 'a%2Fb', 'é🌍', 'q?x=1&y', 'h#1', '[1]', 'a:b', 'L'.repeat(512)];

let server;
let couch;
let serial = 0;

/** A database of its own for one test. */
async function fresh() {
  const name = `nano-${++serial}`;
  await couch.db.create(name);
  return couch.db.use(name);
}

/** Whether `call` is refused with this status; `error`, when given, is the name in the body. */
async function refused(call, statusCode, error, reason) {
  const expected = { statusCode };
  if (error) {
    expected.error = error;
  }
  if (reason) {
    expected.reason = reason;
  }
  await assert.rejects(call, expected);
}

/** Everything a stream of nano's gives, as text. */
async function drained(stream) {
  const pieces = [];
  for await (const piece of stream) {
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

/** The events of a changes reader until it ends. */
function spooled(emitter) {
  return new Promise((resolve, reject) => {
    const found = { batches: [], end: null };
    emitter.on('batch', batch => found.batches.push(batch));
    emitter.on('error', reject);
    emitter.on('end', end => resolve({ ...found, end }));
  });
}

test('start', async () => {
  server = await new Server().start();
  couch = nano(server.url());
});

test('info, uuids', async () => {
  const info = await couch.info();
  assert.equal(info.couchdb, 'Welcome');
  assert.equal(info.vendor.name, 'barua');
  assert.match(info.uuid, /^[0-9a-f]{32}$/);
  assert.equal((await couch.info()).uuid, info.uuid);
  const { uuids } = await couch.uuids(3);
  assert.equal(new Set(uuids).size, 3);
  uuids.forEach(uuid => assert.match(uuid, /^[0-9a-f]{32}$/));
  assert.equal((await couch.uuids()).uuids.length, 1);
});

test('db.create, get, list, compact, destroy', async () => {
  assert.deepEqual(await couch.db.create('made'), { ok: true });
  await refused(couch.db.create('made'), 412, 'file_exists');
  await refused(couch.db.create('Wrong!'), 400, 'illegal_database_name');
  const info = await couch.db.get('made');
  assert.equal(info.db_name, 'made');
  assert.deepEqual([info.doc_count, info.doc_del_count, info.update_seq], [0, 0, 0]);
  const names = await couch.db.list();
  assert.deepEqual(names, [...names].sort());
  ['_users', 'made', 'medic', 'medic-sentinel', 'medic-users-meta'].forEach(name => assert(names.includes(name), name));
  assert.equal(JSON.parse(await drained(couch.db.listAsStream())).length, names.length);
  assert.deepEqual(await couch.db.compact('made'), { ok: true });
  assert.deepEqual(await couch.db.destroy('made'), { ok: true });
  await refused(couch.db.get('made'), 404, 'not_found');
  await refused(couch.db.destroy('made'), 404, 'not_found');
  await refused(couch.db.destroy('medic'), 403, 'forbidden');
});

test('insert without an id, with _id and _rev inside', async () => {
  const db = await fresh();
  const first = await db.insert({ kind: 'letter', n: 1 });
  assert.deepEqual(Object.keys(first).sort(), ['id', 'ok', 'rev']);
  assert.match(first.id, /^[0-9a-f]{32}$/);
  assert.match(first.rev, REV(1));
  const second = await db.insert({ _id: first.id, _rev: first.rev, kind: 'letter', n: 2 });
  assert.equal(second.id, first.id);
  assert.match(second.rev, REV(2));
  await refused(db.insert({ _id: first.id, n: 3 }), 409, 'conflict', 'Document update conflict.');
  await refused(db.insert({ _id: first.id, _rev: first.rev, n: 3 }), 409, 'conflict');
  assert.deepEqual(await db.get(first.id), { _id: first.id, _rev: second.rev, kind: 'letter', n: 2 });
});

test('insert under a name: odd ids, design and local documents', async () => {
  const db = await fresh();
  for (const id of NAMES) {
    const { id: stored, rev } = await db.insert({ of: id }, id);
    assert.equal(stored, id);
    assert.deepEqual(await db.get(id), { _id: id, _rev: rev, of: id });
    const next = await db.insert({ _rev: rev, of: id, again: true }, { docName: id });
    assert.match(next.rev, REV(2));
  }
  await refused(db.insert({}, 'L'.repeat(513)), 400);
  await refused(db.insert({}, '_wrong'), 400, 'illegal_docid');
  await refused(db.insert({ _wrong: 1 }, 'member'), 400, 'doc_validation');
  await refused(db.insert({ _rev: 'zzz' }, 'new'), 400, 'bad_request');
  const design = await db.insert({ views: { all: { map: 'function (d) {}' } } }, '_design/mine');
  assert.equal(design.id, '_design/mine');
  assert.equal((await db.get('_design/mine')).views.all.map, 'function (d) {}');
  const local = await db.insert({ at: 7 }, '_local/mark');
  assert.deepEqual(local, { ok: true, id: '_local/mark', rev: '0-1' });
  assert.deepEqual(await db.insert({ at: 8, _rev: '0-1' }, '_local/mark'), { ...local, rev: '0-2' });
  assert.deepEqual(await db.get('_local/mark'), { _id: '_local/mark', _rev: '0-2', at: 8 });
  assert.equal((await couch.db.get(db.config.db)).doc_count, NAMES.length + 1);
});

test('the text of a document is kept: order of members, NUL, emoji', async () => {
  const db = await fresh();
  const doc = { z: 1, a: { y: null, b: [true, 1.5, -0.25, 1e21] }, nul: 'a\u0000b', face: '😀', empty: {} };
  await db.insert(doc, 'text');
  const found = await db.get('text');
  assert.deepEqual(Object.keys(found), ['_id', '_rev', 'z', 'a', 'nul', 'face', 'empty']);
  assert.deepEqual({ ...found, _id: undefined, _rev: undefined }, { _id: undefined, _rev: undefined, ...doc });
  const long = { text: 'Habari za leo? '.repeat(20000) };
  await db.insert(long, 'long');
  assert.equal((await db.get('long')).text, long.text);
});

test('get: rev, revs, revs_info, conflicts, open_revs, attachments', async () => {
  const db = await fresh();
  const one = await db.insert({ n: 1 }, 'doc');
  const two = await db.insert({ n: 2, _rev: one.rev }, 'doc');
  assert.equal((await db.get('doc', { rev: one.rev })).n, 1);
  assert.equal((await db.get('doc', { rev: undefined })).n, 2);
  const hashes = [two.rev, one.rev].map(rev => rev.slice(2));
  assert.deepEqual((await db.get('doc', { revs: true }))._revisions, { start: 2, ids: hashes });
  assert.deepEqual((await db.get('doc', { revs_info: true }))._revs_info,
    [two.rev, one.rev].map(rev => ({ rev, status: 'available' })));
  assert.equal((await db.get('doc', { conflicts: true }))._conflicts, undefined);
  await db.bulk({ new_edits: false, docs: [{ _id: 'doc', _rev: '2-0', n: 'other',
    _revisions: { start: 2, ids: ['0', hashes[1]] } }] });
  assert.deepEqual((await db.get('doc', { conflicts: true }))._conflicts, ['2-0']);
  const all = await db.get('doc', { open_revs: 'all' });
  assert.deepEqual(all.map(leaf => leaf.ok._rev), [two.rev, '2-0']);
  const some = await db.get('doc', { open_revs: JSON.stringify(['2-0', '9-no']) });
  assert.deepEqual(some, [{ ok: { _id: 'doc', _rev: '2-0', n: 'other' } }, { missing: '9-no' }]);
  await refused(db.get('doc', { open_revs: '2-0' }), 400, 'bad_request');
  await refused(db.get('doc', { rev: '9-0' }), 404, 'not_found', 'missing');
  await refused(db.get('never'), 404, 'not_found', 'missing');
  await refused(db.get('never', { open_revs: 'all' }), 404, 'not_found');
});

test('head', async () => {
  const db = await fresh();
  const { rev } = await db.insert({ n: 1 }, 'a b/c');
  const headers = await db.head('a b/c');
  assert.equal(headers.etag, `"${rev}"`);
  assert.match(headers['content-type'], /^application\/json/);
  await refused(db.head('never'), 404);
});

test('destroy, and a document that comes back', async () => {
  const db = await fresh();
  const { rev } = await db.insert({ n: 1 }, 'gone');
  await refused(db.destroy('gone', '1-00000000000000000000000000000000'), 409, 'conflict');
  await refused(db.destroy('gone'), 400); // nano sends rev=undefined
  const dead = await db.destroy('gone', rev);
  assert.match(dead.rev, REV(2));
  await refused(db.get('gone'), 404, 'not_found', 'deleted');
  await refused(db.destroy('gone', dead.rev), 404, 'not_found', 'deleted');
  await refused(db.destroy('never', rev), 404, 'not_found', 'missing');
  assert.deepEqual(await db.get('gone', { rev: dead.rev }), { _id: 'gone', _rev: dead.rev, _deleted: true });
  assert.match((await db.insert({ n: 3 }, 'gone')).rev, REV(3));
});

test('bulk', async () => {
  const db = await fresh();
  const old = await db.insert({ n: 1 }, 'old');
  const answer = await db.bulk({ docs: [
    { _id: 'new', n: 1 }, { n: 2 }, { _id: 'old', n: 3 }, { _id: 'old', _rev: old.rev, n: 4 }, { _id: 'new', n: 5 },
  ] });
  assert.deepEqual(answer.map(item => item.ok || item.error), [true, true, 'conflict', true, 'conflict']);
  assert.deepEqual(answer[2], { id: 'old', error: 'conflict', reason: 'Document update conflict.' });
  assert.match(answer[1].id, /^[0-9a-f]{32}$/);
  assert.equal((await db.get('old')).n, 4);
  const deleted = await db.bulk({ docs: [{ _id: 'new', _rev: answer[0].rev, _deleted: true, why: 'test' }] });
  assert.match(deleted[0].rev, REV(2));
  assert.equal((await db.get('new', { rev: deleted[0].rev })).why, 'test');
  const foreign = { _id: 'foreign', _rev: '3-abc', n: 1 };
  assert.deepEqual(await db.bulk({ docs: [foreign], new_edits: false }), []);
  const before = (await db.info()).update_seq;
  assert.deepEqual(await db.bulk({ docs: [foreign], new_edits: false }), []);
  assert.equal((await db.info()).update_seq, before);
  assert.deepEqual(await db.get('foreign'), foreign);
  await refused(db.bulk({ nothing: true }), 400, 'bad_request');
  await refused(db.bulk({ docs: [{ _id: 'good' }, { _id: 'bad', _wrong: 1 }] }), 400, 'doc_validation');
  await refused(db.get('good'), 404, 'not_found');
});

test('list, listAsStream, fetch, fetchRevs', async () => {
  const db = await fresh();
  await db.bulk({ docs: ['Z', 'a', 'b', 'c', 'é'].map(_id => ({ _id, of: _id })) });
  await db.insert({}, '_design/d');
  const b = await db.get('b');
  await db.destroy('b', b._rev);
  const ids = async options => (await db.list(options)).rows.map(row => row.id);
  const all = await db.list();
  assert.equal(all.total_rows, 5);
  assert.equal(all.offset, 0);
  assert.deepEqual(all.rows.map(row => row.id), ['Z', '_design/d', 'a', 'c', 'é']);
  assert.deepEqual(Object.keys(all.rows[0]), ['id', 'key', 'value']);
  assert.deepEqual(await ids({ startkey: 'a', endkey: 'c' }), ['a', 'c']);
  assert.deepEqual(await ids({ start_key: 'a', endkey: 'c', inclusive_end: false }), ['a']);
  assert.deepEqual(await ids({ startkey: 'c', endkey: 'a', descending: true }), ['c', 'a']);
  assert.deepEqual(await ids({ limit: 2, skip: 1 }), ['_design/d', 'a']);
  assert.deepEqual(await ids({ key: 'a' }), ['a']);
  assert.deepEqual(await ids({ key: 'never' }), []);
  assert.deepEqual(await ids({ keys: undefined, limit: 1 }), ['Z']);
  assert.deepEqual((await db.list({ key: 'a', include_docs: true })).rows[0].doc, await db.get('a'));
  const fetched = await db.fetch({ keys: ['c', 'b', 'never', 'c'] });
  assert.deepEqual(fetched.rows.map(row => row.doc && row.doc.of), ['c', null, undefined, 'c']);
  assert.equal(fetched.rows[1].value.deleted, true);
  assert.deepEqual(fetched.rows[2], { key: 'never', error: 'not_found' });
  const revs = await db.fetchRevs({ keys: ['a'] });
  assert.deepEqual(revs.rows, [{ id: 'a', key: 'a', value: { rev: (await db.get('a'))._rev } }]);
  assert.equal(JSON.parse(await drained(db.listAsStream({ include_docs: true }))).rows.length, 5);
  await refused(db.list({ limit: 'many' }), 400, 'query_parse_error');
  await refused(db.list({ include_docs: 'maybe' }), 400, 'query_parse_error');
});

test('a long listing, streamed and compressed', async () => {
  const db = await fresh();
  const text = 'x'.repeat(300);
  const docs = Array.from({ length: 2000 }, (_, i) => ({ _id: `d${String(i).padStart(4, '0')}`, text }));
  await db.bulk({ docs });
  const { rows } = await db.list({ include_docs: true });
  assert.deepEqual(rows.map(row => row.doc._id), docs.map(doc => doc._id));
  assert.equal((await db.list({ startkey: 'd1000', limit: 500 })).rows.at(-1).id, 'd1499');
});

test('view, with keys, reduced, as a stream', async () => {
  const db = couch.db.use('medic');
  const person = (id, parent, name) => ({ _id: id, type: 'person', name, parent: { _id: parent } });
  await db.bulk({ docs: [{ _id: 'clinic-1', type: 'clinic', name: 'Kisumu' }, person('p1', 'clinic-1', 'Asha'),
    person('p2', 'clinic-1', 'Sam'), person('p3', 'clinic-2', 'Zawadi'),
    { _id: 'r1', type: 'data_record', form: 'V', reported_date: 1000, fields: { patient_id: '10001' } },
    { _id: 'r2', type: 'data_record', form: 'V', reported_date: 2000, fields: {} },
    { _id: 'r3', type: 'data_record', form: 'P', reported_date: 3000, fields: {} }] });
  const ids = async (view, options) => (await db.view('medic-client', view, options)).rows.map(row => row.id);
  assert.deepEqual(await ids('contacts_by_type', { reduce: false, key: ['person'] }), ['p1', 'p2', 'p3']);
  assert.deepEqual(await ids('contacts_by_type', { reduce: false, keys: [['clinic'], ['never'], ['person']] }),
    ['clinic-1', 'p1', 'p2', 'p3']);
  const grouped = await db.view('medic-client', 'contacts_by_type', { group: true });
  assert.deepEqual(grouped, { rows: [{ key: ['clinic'], value: 1 }, { key: ['person'], value: 3 }] });
  assert.deepEqual((await db.view('medic-client', 'contacts_by_type')).rows, [{ key: null, value: 4 }]);
  assert.deepEqual(await ids('contacts_by_parent', { startkey: ['clinic-1'], endkey: ['clinic-1', {}] }), ['p1', 'p2']);
  const dated = await db.view('medic-client', 'reports_by_date', { startkey: [1500], include_docs: true });
  assert.deepEqual(dated.rows.map(row => [row.id, row.key, row.value, row.doc.form]),
    [['r2', [2000], 2000, 'V'], ['r3', [3000], 3000, 'P']]);
  assert.deepEqual(await ids('reports_by_date', { descending: true, limit: 2 }), ['r3', 'r2']);
  assert.deepEqual(await ids('reports_by_subject', { key: '10001' }), ['r1']);
  const text = await drained(db.viewAsStream('medic-client', 'reports_by_form', { reduce: false }));
  assert.deepEqual(JSON.parse(text).rows.map(row => row.key), [['P'], ['V'], ['V']]);
  await refused(db.view('medic-client', 'no_such_view'), 404, 'not_found', 'missing_named_view');
  await refused(db.view('no-such-design', 'x'), 404, 'not_found', 'missing');
});

test('attachment.insert, get, getAsStream, destroy', async () => {
  const db = await fresh();
  const bytes = Buffer.from(Array.from({ length: 70000 }, (_, i) => (i * 7919) & 255));
  let { rev } = await db.attachment.insert('doc/1', 'plain.txt', 'Habari', 'text/plain');
  assert.match(rev, REV(1));
  const names = ['a b.txt', 'dir%2Fslash%20x.bin', 'real/slash.bin'];
  for (const name of names) {
    ({ rev } = await db.attachment.insert('doc/1', name, bytes, 'application/octet-stream', { rev }));
  }
  const doc = await db.get('doc/1');
  assert.deepEqual(Object.keys(doc._attachments).sort(), ['a b.txt', 'dir/slash x.bin', 'plain.txt', 'real/slash.bin']);
  const stub = doc._attachments['a b.txt'];
  assert.deepEqual([stub.stub, stub.length, stub.revpos], [true, 70000, 2]);
  assert.equal(stub.content_type, 'application/octet-stream');
  const digest = crypto.createHash('md5').update(bytes).digest('base64');
  assert.equal(stub.digest, `md5-${digest}`);
  assert.equal(await db.attachment.get('doc/1', 'plain.txt'), 'Habari');
  for (const name of names) {
    assert(bytes.equals(await db.attachment.get('doc/1', name)), name);
  }
  assert.equal(await drained(db.attachment.getAsStream('doc/1', 'plain.txt')), 'Habari');
  const whole = await db.get('doc/1', { attachments: true });
  assert.equal(whole._attachments['real/slash.bin'].data, bytes.toString('base64'));
  await refused(db.attachment.insert('doc/1', 'late.txt', 'x', 'text/plain', { rev: '1-0' }), 409);
  await refused(db.attachment.get('doc/1', 'never.txt'), 404, 'not_found', 'Document is missing attachment');
  const less = await db.attachment.destroy('doc/1', 'a b.txt', { rev });
  assert.match(less.rev, REV(5));
  assert.equal((await db.get('doc/1'))._attachments['a b.txt'], undefined);
});

test('attachments inline, kept by stubs, left out', async () => {
  const db = await fresh();
  const data = Buffer.from('karibu').toString('base64');
  const one = await db.insert({ _attachments: { 'x.txt': { content_type: 'text/plain', data },
    'y.txt': { content_type: 'text/plain', data } } }, 'doc');
  const doc = await db.get('doc');
  assert.equal(doc._attachments['x.txt'].digest, doc._attachments['y.txt'].digest);
  delete doc._attachments['y.txt'];
  const two = await db.insert({ ...doc, n: 2 });
  assert.match(two.rev, REV(2));
  const next = await db.get('doc');
  assert.deepEqual(next._attachments, { 'x.txt': { content_type: 'text/plain', revpos: 1,
    digest: doc._attachments['x.txt'].digest, length: 6, stub: true } });
  assert.equal(await db.attachment.get('doc', 'x.txt'), 'karibu');
  assert.equal(await db.attachment.get('doc', 'y.txt', { rev: one.rev }), 'karibu');
  await refused(db.insert({ ...next, _attachments: { 'z.txt': { stub: true } } }), 412, 'missing_stub');
  await refused(db.insert({ _attachments: { 'b.txt': { data: '!!!' } } }, 'bad'), 400, 'bad_request');
});

test('changes, changesAsStream', async () => {
  const db = await fresh();
  const a = await db.insert({ n: 1 }, 'a');
  await db.insert({ n: 1 }, 'b');
  await db.destroy('a', a.rev);
  const all = await db.changes({ since: 0, include_docs: true });
  assert.deepEqual(all.results.map(row => [row.seq, row.id, row.deleted]), [[2, 'b', undefined], [3, 'a', true]]);
  assert.equal(all.results[0].doc.n, 1);
  assert.equal(all.results[1].doc._deleted, true);
  assert.deepEqual([all.last_seq, all.pending], [3, 0]);
  const page = await db.changes({ since: 0, limit: 1 });
  assert.deepEqual([page.results.length, page.last_seq, page.pending], [1, 2, 1]);
  assert.deepEqual((await db.changes({ since: 3 })).results, []);
  assert.deepEqual((await db.changes({ descending: true })).results.map(row => row.seq), [3, 2]);
  assert.equal((await db.changes({ since: 'now' })).last_seq, 3);
  const lines = (await drained(db.changesAsStream({ since: 0 }))).split('\n');
  assert.equal(lines[0], '{"results":[');
  assert.equal(JSON.parse(lines[1].replace(/,$/, '')).id, 'b');
  await refused(db.changes({ feed: 'wrong' }), 400);
  await refused(db.changes({ filter: 'design/filter' }), 404);
});

test('changesReader.get, spool', async () => {
  const db = await fresh();
  await db.bulk({ docs: Array.from({ length: 250 }, (_, i) => ({ _id: `c${i}` })) });
  const got = await spooled(db.changesReader.get({ since: 0, batchSize: 100, timeout: 1000 }));
  assert.deepEqual(got.batches.map(batch => batch.length), [100, 100, 50]);
  assert.equal(got.end, 250);
  const whole = await spooled(db.changesReader.spool({ since: 0, batchSize: 100 }));
  assert.deepEqual(whole.batches.map(batch => batch.length), [100, 100, 50]);
  assert.deepEqual(whole.batches.flat().map(row => row.id), Array.from({ length: 250 }, (_, i) => `c${i}`));
  assert.equal(Number(whole.end), 250);
});

test('changesReader.start waits for what comes', async () => {
  const db = await fresh();
  const seen = [];
  const emitter = db.changesReader.start({ since: 'now', includeDocs: true });
  let hears = false;
  emitter.on('change', change => (change.id === 'probe' ? hears = true : seen.push(change)));
  emitter.on('error', error => seen.push(error));
  try {
    let rev;
    await until('the feed has begun', async () => { // what is written before that is not its concern
      ({ rev } = await db.insert({ _rev: rev }, 'probe'));
      return hears;
    });
    for (let i = 1; i <= 3; i++) {
      await db.insert({ n: i }, `late-${i}`);
      await until(`change ${i}`, () => seen.length === i);
    }
    assert.deepEqual(seen.map(change => change.doc.n), [1, 2, 3]);
  } finally {
    db.changesReader.stop();
  }
});

test('createIndex, find, findAsStream', async () => {
  const db = await fresh();
  await db.bulk({ docs: Array.from({ length: 40 }, (_, i) => ({ _id: `d${100 + i}`, n: i, odd: i % 2 === 1 })) });
  const index = { index: { fields: ['n'] }, name: 'by-n', ddoc: 'by-n', type: 'json' };
  const made = await db.createIndex(index);
  assert.deepEqual(made, { result: 'created', id: '_design/by-n', name: 'by-n' });
  assert.equal((await db.createIndex(index)).result, 'exists');
  const find = async query => (await db.find(query)).docs;
  assert.equal((await find({ selector: { odd: true } })).length, 20);
  assert.equal((await find({ selector: { n: { $gte: 0 } } })).length, 25);
  assert.deepEqual(await find({ selector: { n: { $gt: 10, $lte: 12 } }, fields: ['n'] }), [{ n: 11 }, { n: 12 }]);
  assert.deepEqual((await find({ selector: { n: { $in: [3, 30, 300] } } })).map(doc => doc.n), [3, 30]);
  assert.deepEqual((await find({ selector: { odd: true }, limit: 2, skip: 1 })).map(doc => doc.n), [3, 5]);
  const streamed = JSON.parse(await drained(db.findAsStream({ selector: { n: 7 } })));
  assert.equal(streamed.docs[0]._id, 'd107');
  await refused(db.find({ selector: { n: { $wrong: 1 } } }), 400, 'invalid_operator');
});

test('multipart.insert, get', async () => {
  const db = await fresh();
  const picture = crypto.randomBytes(70000);
  const parts = [
    { name: 'a b.txt', data: 'Habari', content_type: 'text/plain' },
    { name: 'dir/picture "1".png', data: picture, content_type: 'image/png' },
  ];
  let { rev } = await db.multipart.insert({ n: 1 }, parts, 'doc/1');
  assert.match(rev, REV(1));
  const stored = await db.get('doc/1', { attachments: true });
  assert.equal(stored.n, 1);
  for (const { name, data, content_type: type } of parts) {
    assert.equal(stored._attachments[name].content_type, type);
    assert.equal(stored._attachments[name].data, Buffer.from(data).toString('base64'));
  }
  const whole = String(await db.multipart.get('doc/1')); // as text, which is no good for the picture
  assert.match(whole, /^--[^\r\n]+\r\nContent-Type: application\/json\r\n\r\n\{"_id":"doc\/1"/);
  assert.match(whole, /\r\nContent-Disposition: attachment; filename="a b.txt"\r\n[^]*?\r\n\r\nHabari\r\n--/);
  ({ rev } = await db.multipart.insert({ _rev: rev, n: 2 }, [parts[0]], 'doc/1'));
  assert.deepEqual(Object.keys((await db.get('doc/1'))._attachments), ['a b.txt']);
  await refused(db.multipart.insert({ n: 3 }, parts, 'doc/1'), 409, 'conflict');
});

test('auth, session', async () => {
  const visitor = nano(server.url('', null));
  await refused(visitor.db.use('medic').info(), 401, 'unauthorized');
  await refused(visitor.auth('admin', 'wrong'), 401, 'unauthorized');
  const answer = await visitor.auth('admin', PASSWORD);
  assert.equal(answer.ok, true);
  const session = await visitor.session();
  assert.equal(session.userCtx.name, 'admin');
  assert(session.userCtx.roles.includes('_admin'));
  assert.equal((await visitor.db.use('medic').info()).db_name, 'medic');
  await refused(nano(server.url('', 'admin', 'wrong')).db.list(), 401, 'unauthorized');
});

test('replicate is not there', () => refused(couch.db.replicate('medic', 'other'), 501, 'not_implemented'));

test('stop', () => server.finish());

main();
