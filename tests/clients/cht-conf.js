// SPDX-License-Identifier: MIT
'use strict';
// cht-conf, unmodified: its command line on the small project beside this file, as a designer uses
// it (spec/documents.md 7.4, spec/settings-and-forms.md 6).  Every test is one or more runs of it.

const fs = require('node:fs');
const path = require('node:path');
const { Project, part } = require('./cht');
const { Server, assert, main, test } = require('./harness');

const DOCUMENTS = 250;

let server;
let project;

const cht = (...args) => project.cht(...args);
const run = (...args) => project.run(...args);
const says = (...args) => project.says(...args);
const document = id => project.document(id);
const file = name => project.file(name);
const json = name => project.json(name);
const change = (name, edit) => project.change(name, edit);
const digest = name => project.digest(name);

test('start', async () => {
  server = await new Server().start();
  project = new Project(server, path.join(__dirname, 'project'));
});

test('a wrong password is said in words', async () => {
  const wrong = await run(server.url('', 'admin', 'wrong'), ['backup-app-settings']);
  assert.equal(wrong.code, 1);
  assert.match(wrong.output, /Authentication failed/);
}, 30);

test('upload-app-settings: updated, then no changes', async () => {
  const output = await says('Settings updated successfully', 'upload-app-settings');
  assert.doesNotMatch(output, /Failed to check for deprecated transitions/);
  const settings = (await server.ask('GET', 'api/v1/settings')).body;
  const uploaded = json('app_settings.json');
  assert.deepEqual(part(settings, uploaded), uploaded);
  assert.equal(typeof settings.permissions, 'object');
  const { _rev: rev } = await document('settings');
  await says('no changes detected', 'upload-app-settings');
  assert.equal((await document('settings'))._rev, rev);
  change('app_settings.json', text => text.replace('Weekly count', 'Count of the week'));
  await says('Settings updated successfully', 'upload-app-settings');
  assert.equal((await server.ask('GET', 'api/v1/settings')).body.forms.WEEK.meta.label.en, 'Count of the week');
});

test('upload-app-settings: a mistake in a form is said at once and nothing is stored', async () => {
  const { _rev: rev } = await document('settings');
  const good = fs.readFileSync(file('app_settings.json'));
  change('app_settings.json', text => text.replace('"integer"', '"intger"'));
  const tried = async () => [...(await server.ask('GET', 'metrics')).body.matchAll(
    /^barua_http_requests_total\{route="[^"]*update_settings[^"]*",method="PUT",status="...".* (\d+)$/gm)]
    .reduce((sum, [, n]) => sum + Number(n), 0);
  const before = await tried();
  const { code, output } = await cht('upload-app-settings');
  fs.writeFileSync(file('app_settings.json'), good);
  assert.equal(code, 1);
  assert.match(output, /forms\.WEEK\.fields\.visits\.type: unknown type "intger"; did you mean "integer"\?/);
  assert.equal(await tried() - before, 1, 'the program tried again and again');
  assert.equal((await document('settings'))._rev, rev);
});

test('backup-app-settings', async () => {
  await says('backup-app-settings complete', 'backup-app-settings');
  const [backup] = fs.readdirSync(file('backups')).filter(name => name.startsWith('app_settings.json'));
  const settings = (await server.ask('GET', 'api/v1/settings')).body;
  assert.equal(JSON.stringify(json(`backups/${backup}`)), JSON.stringify(settings));
});

test('upload-docs: batches, then conflicts', async () => {
  for (let i = 2; i < DOCUMENTS; i++) {
    const doc = { _id: `person-${i}`, type: 'person', name: `Mtu ${i}`, parent: { _id: 'kisumu-clinic' }, weight: 4.5 };
    fs.writeFileSync(file(`json_docs/${doc._id}.doc.json`), JSON.stringify(doc));
  }
  await says(`Summary: ${DOCUMENTS} of ${DOCUMENTS} docs uploaded OK`, 'upload-docs');
  const asha = await document('asha');
  assert.match(asha._rev, /^1-/);
  assert.match(asha.imported_date, /^\d{4}-.*Z$/);
  assert.deepEqual(part(asha, json('json_docs/asha.doc.json')), json('json_docs/asha.doc.json'));
  const view = 'medic/_design/medic-client/_view/contacts_by_type';
  const people = await server.ask('GET', `${view}?reduce=true&key=["person"]`);
  assert.equal(people.body.rows[0].value, DOCUMENTS - 1);
  await says(`Summary: 0 of ${DOCUMENTS} docs uploaded OK`, 'upload-docs');
  const report = fs.readdirSync(project.folder).filter(name => name.startsWith('upload-docs.')).sort().at(-1);
  assert.match(json(report).failed.asha, /conflict/);
});

test('upload-custom-translations: uploaded, then no changes, then changed', async () => {
  const first = await says('messages-en.properties uploaded', 'upload-custom-translations');
  assert.match(first, /messages-sw\.properties uploaded/);
  const doc = await document('messages-sw');
  assert.deepEqual([doc.type, doc.code, doc.enabled, doc.generic], ['translations', 'sw', true, {}]);
  assert.equal(doc.custom['visit.title'], 'Ziara ya {{name}} — nyumbani');
  const second = await says('messages-en.properties not uploaded as no changes', 'upload-custom-translations');
  assert.match(second, /messages-sw\.properties not uploaded as no changes were found/);
  assert.equal((await document('messages-sw'))._rev, doc._rev);
  change('translations/messages-sw.properties', text => text.replace('umepokelewa', 'umefika'));
  const third = await says('messages-sw.properties uploaded', 'upload-custom-translations');
  assert.match(third, /messages-en\.properties not uploaded/);
  assert.equal((await document('messages-sw')).custom.sms_received, 'Ujumbe umefika.');
});

test('upload-sms-from-csv: parsed by the uploaded settings, answered with the uploaded text', async () => {
  await says('upload-sms-from-csv complete', 'upload-sms-from-csv');
  const { rows } = (await server.ask('GET', 'medic/_all_docs?include_docs=true')).body;
  const records = rows.map(row => row.doc).filter(doc => doc.type === 'data_record');
  const week = records.find(doc => doc.form === 'WEEK');
  assert.deepEqual(week.fields, { visits: 17, month: 'May' });
  const plain = records.find(doc => !doc.form);
  assert.equal(plain.tasks[0].messages[0].message, 'Got it, from the uploaded texts.');
  assert.equal(records.length, 2);
});

test('upload-resources: uploaded, then not, then changed', async () => {
  await says('Configuration upload complete!', 'upload-resources');
  const doc = await document('resources');
  assert.deepEqual(doc.resources, json('resources.json'));
  assert.deepEqual(Object.keys(doc._attachments).sort(), ['dot.png', 'drop.svg']);
  for (const [name, stub] of Object.entries(doc._attachments)) {
    assert.equal(stub.digest, digest(`resources/${name}`), name);
  }
  await says('Configuration not uploaded as no changes found', 'upload-resources');
  assert.equal((await document('resources'))._rev, doc._rev);
  change('resources/drop.svg', text => text.replace('#079', '#970'));
  await says('Configuration upload complete!', 'upload-resources');
  assert.equal((await document('resources'))._attachments['drop.svg'].digest, digest('resources/drop.svg'));
});

test('upload-app-forms: validated and uploaded, then no changes, then one changed', async () => {
  const first = await says('visit.xml uploaded', 'upload-app-forms');
  assert.doesNotMatch(first, /no form will be checked/);
  assert.match(first, /birth\.xml uploaded/);
  const doc = await document('form:visit');
  assert.deepEqual([doc.type, doc.internalId, doc.title], ['form', 'visit', 'Home visit']);
  assert.deepEqual(doc.context, json('forms/app/visit.properties.json').context);
  assert.deepEqual(Object.keys(doc._attachments).sort(), ['images/dot.png', 'xml']);
  assert.equal(doc._attachments.xml.digest, digest('forms/app/visit.xml'));
  const form = await server.ask('GET', 'medic/form%3Avisit/xml');
  assert.equal(form.body, fs.readFileSync(file('forms/app/visit.xml'), 'utf8'));
  assert.equal(form.headers.get('content-type'), 'application/xml');
  const second = await says('visit.xml not uploaded, no changes', 'upload-app-forms', '--skip-validate');
  assert.match(second, /birth\.xml not uploaded, no changes/);
  assert.equal((await document('form:visit'))._rev, doc._rev);
  change('forms/app/visit.xml', text => text.replace('Weight in kg', 'Weight'));
  const third = await says('visit.xml uploaded', 'upload-app-forms', '--skip-validate');
  assert.match(third, /birth\.xml not uploaded, no changes/);
  assert.equal((await document('form:visit'))._attachments.xml.digest, digest('forms/app/visit.xml'));
}, 90);

test('upload-app-forms: a form that is no XForm is said and not uploaded', async () => {
  const good = fs.readFileSync(file('forms/app/visit.xml'), 'utf8');
  const { _rev: rev } = await document('form:visit');
  change('forms/app/visit.xml', text => text.replace('<h:title>Home visit</h:title>', '<h:title/>'));
  const { code, output } = await cht('upload-app-forms');
  fs.writeFileSync(file('forms/app/visit.xml'), good);
  assert.equal(code, 1);
  assert.match(output, /no title: expected text in/);
  assert.equal((await document('form:visit'))._rev, rev);
});

test('backup-all-forms, delete-forms, delete-all-forms', async () => {
  await says('backup-all-forms complete', 'backup-all-forms');
  const [backup] = fs.readdirSync(file('backups')).filter(name => name.startsWith('forms.'));
  ['visit.xml', 'birth.xml'].forEach(name => assert.equal(
    fs.readFileSync(file(`backups/${backup}/form_${name.replace('.xml', '')}/xml`), 'utf8'),
    fs.readFileSync(file(`forms/app/${name}`), 'utf8')));
  assert(fs.existsSync(file(`backups/${backup}/form_visit/images/dot.png`)));
  const deleted = await run(server.url(), ['delete-forms', '--', 'visit', 'never']);
  assert.equal(deleted.code, 0, deleted.output);
  assert.match(deleted.output, /Deleted form: visit/);
  assert.match(deleted.output, /Failed to remove form with doc ID form:never/);
  assert.equal((await server.ask('GET', 'medic/form%3Avisit')).status, 404);
  assert.equal((await server.ask('GET', 'medic/form%3Abirth')).status, 200);
  await says('delete-all-forms complete', 'delete-all-forms');
  assert.equal((await server.ask('GET', 'medic/form%3Abirth')).status, 404);
  await says('visit.xml uploaded', 'upload-app-forms', '--skip-validate');
}, 90);

test('upload-database-indexes: uploaded, then not, then replaced', async () => {
  await says('database-indexes file uploaded', 'upload-database-indexes');
  const names = async () => (await server.ask('GET', 'medic/_index')).body.indexes.map(index => index.name);
  assert.deepEqual(await names(), ['_all_docs', 'people-by-name']);
  await says('not uploaded as no changes found', 'upload-database-indexes');
  change('database-indexes.json', text => text.replace('people-by-name', 'by-type'));
  await says('database-indexes file uploaded', 'upload-database-indexes');
  assert.deepEqual(await names(), ['_all_docs', 'by-type']);
});

test('create-users: asks how much they would hold, then makes users, people and places', async () => {
  const roles = { chw: { name: 'CHW', offline: true }, officer: { name: 'Officer' } };
  const put = await server.ask('PUT', 'api/v1/settings', { roles });
  assert.equal(put.status, 200, JSON.stringify(put.body));
  for (const [id, doc] of Object.entries({
    nyanza: { type: 'district_hospital', name: 'Nyanza' },
    kisumu: { type: 'health_center', name: 'Kisumu', parent: { _id: 'nyanza' } },
    amina: { type: 'person', name: 'Amina', parent: { _id: 'kisumu', parent: { _id: 'nyanza' } } },
  })) {
    assert.equal((await server.ask('PUT', `medic/${id}`, doc)).status, 201, id);
  }
  fs.writeFileSync(file('users.csv'), [
    'username,password,roles,fullname,phone,contact,contact.name,place,place.type,place.name,place.parent',
    'amina,Kar1bu.sana,chw,Amina A,+254712000111,amina,,kisumu,,,',
    'baraka,Kar1bu.sana,chw:officer,Baraka B,+254712000112,,Baraka,kisumu,,,',
    'chausiku,Kar1bu.sana,chw,"Chausiku, C",+254712000113,,Chausiku,,health_center,Siaya,nyanza',
    ''].join('\n'));
  const output = await says('create-users complete', 'create-users');
  assert.match(output, /Requesting user-info for "amina"/);
  assert.match(output, /Creating user chausiku/);
  const user = async name => (await server.ask('GET', `_users/org.couchdb.user%3A${name}`)).body;
  const settings = name => document(`org.couchdb.user:${name}`);
  assert.deepEqual(part(await user('amina'), { roles: 1, facility_id: 1 }), { roles: ['chw'], facility_id: 'kisumu' });
  assert.equal((await settings('amina')).contact_id, 'amina');
  const baraka = await document((await settings('baraka')).contact_id);
  assert.deepEqual([baraka.type, baraka.name, baraka.parent],
    ['person', 'Baraka', { _id: 'kisumu', parent: { _id: 'nyanza' } }]);
  const chausiku = await settings('chausiku');
  const siaya = await document(chausiku.facility_id);
  assert.deepEqual([siaya.type, siaya.name, siaya.parent], ['health_center', 'Siaya', { _id: 'nyanza' }]);
  assert.equal(siaya.contact._id, chausiku.contact_id);
  assert.equal(chausiku.fullname, 'Chausiku, C');
  const session = await fetch(server.url('_session', null), { headers: {
    authorization: `Basic ${Buffer.from('chausiku:Kar1bu.sana').toString('base64')}` } });
  assert.deepEqual((await session.json()).userCtx, { name: 'chausiku', roles: ['chw'] });
});

test('create-users: what is wrong is said in words', async () => {
  fs.writeFileSync(file('users.csv'), 'username,password,roles,contact,place\ndalila,password,chw,amina,kisumu\n');
  const { code, output } = await cht('create-users'); // tries again and again, for some seconds
  assert.equal(code, 1, output);
  assert.match(output, /The password is too easy to guess/);
  assert.equal((await server.ask('GET', '_users/org.couchdb.user%3Adalila')).status, 404);
}, 60);

test('stop', () => server.finish());

main();
