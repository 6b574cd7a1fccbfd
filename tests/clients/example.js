// SPDX-License-Identifier: MIT
'use strict';
// The project of data/example through cht-conf, unmodified, as a designer would roll it out; then
// everything is read back and compared with the files.

const { execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Project, part } = require('./cht');
const { PASSWORD, Server, assert, main, test } = require('./harness');

const EXAMPLE = path.join(__dirname, '..', '..', 'data', 'example');
const LIST = 'api/v1/forms';

let server;
let project;

const properties = text => Object.fromEntries(text.split('\n')
  .filter(line => line && !line.startsWith('#'))
  .map(line => [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1).trim()]));

test('start', async () => {
  server = await new Server().start();
  project = new Project(server, EXAMPLE);
});

test('upload-app-settings', async () => {
  await project.says('Settings updated successfully', 'upload-app-settings');
  const settings = (await server.ask('GET', 'api/v1/settings')).body;
  const uploaded = project.json('app_settings.json');
  assert.equal(JSON.stringify(part(settings, uploaded)), JSON.stringify(uploaded));
  for (const [code, form] of Object.entries(uploaded.forms)) {
    assert.equal(JSON.stringify((await server.ask('GET', `${LIST}/${code}.json`)).body), JSON.stringify(form));
  }
  await project.says('no changes detected', 'upload-app-settings');
});

test('upload-custom-translations', async () => {
  await project.says('messages-fr.properties uploaded', 'upload-custom-translations');
  for (const code of ['en', 'sw', 'fr']) {
    const doc = await project.document(`messages-${code}`);
    assert.deepEqual(doc.custom, properties(project.read(`translations/messages-${code}.properties`)));
  }
  await project.says('messages-fr.properties not uploaded as no changes', 'upload-custom-translations');
});

test('csv-to-docs and upload-docs', async () => {
  const files = fs.readdirSync(project.file('json_docs'));
  project.write('csv/place.clinic.csv', 'name,parent._id,parent.parent._id\n'
    + 'Ziwa village,kilimo-mlima,kilimo\nMsitu village,kilimo-mlima,kilimo\n');
  project.write('csv/person.csv', 'name,phone,date_of_birth,parent:clinic WHERE name=COL_VAL\n'
    + 'Halima Said,+254700000301,1990-02-03,Ziwa village\n"Otieno, Peter",+254700000302,1985-12-24,Msitu village\n');
  await project.says('csv-to-docs complete', 'csv-to-docs');
  const all = fs.readdirSync(project.file('json_docs'));
  assert.equal(all.length, files.length + 4);
  await project.says(`Summary: ${all.length} of ${all.length} docs uploaded OK`, 'upload-docs');
  for (const name of all) {
    const uploaded = project.json(`json_docs/${name}`);
    assert.deepEqual(part(await project.document(uploaded._id), uploaded), uploaded);
  }
  const found = await server.ask('GET', 'api/v1/contacts-by-phone?phone=%2B254700000302');
  assert.deepEqual(found.body.docs.map(doc => doc.name), ['Otieno, Peter']);
});

test('upload-app-forms, checked by the server', async () => {
  const output = await project.says('visit.xml uploaded', 'upload-app-forms');
  assert.doesNotMatch(output, /no form will be checked/);
  assert.equal((await project.document('form:visit'))._attachments.xml.digest, project.digest('forms/app/visit.xml'));
  await project.says('visit.xml not uploaded, no changes', 'upload-app-forms');
});

test('upload-contact-forms', async () => {
  const form = project.read('forms/app/visit.xml').replaceAll('visit', 'data')
    .replace('id="data"', 'id="contact:person:create"').replace('Home data', 'New person');
  project.write('forms/contact/person-create.xml', form);
  await project.says('person-create.xml uploaded', 'upload-contact-forms', '--skip-validate');
  const doc = await project.document('form:contact:person:create');
  assert.deepEqual([doc.internalId, doc.title, doc.context],
    ['contact:person:create', 'New person', { person: false, place: false }]);
  assert.equal((await server.ask('GET', `${LIST}/contact%3Aperson%3Acreate.xml`)).body, form);
});

test('upload-collect-forms: listed for OpenRosa clients', async () => {
  await project.says('household.xml uploaded', 'upload-collect-forms');
  assert.deepEqual((await project.document('form:household')).context, { collect: true });
  const authorization = `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`;
  const answer = await fetch(server.url(LIST, null), { headers: { 'x-openrosa-version': '1.0', authorization } });
  const hash = crypto.createHash('md5').update(project.read('forms/collect/household.xml')).digest('hex');
  assert.equal(await answer.text(), `<?xml version="1.0" encoding="UTF-8"?>
<xforms xmlns="http://openrosa.org/xforms/xformsList">
  <xform>
    <name>Household &amp; water</name>
    <formID>household</formID>
    <version>2026-11-01</version>
    <hash>md5:${hash}</hash>
    <downloadUrl>http://127.0.0.1:${server.port}/api/v1/forms/household.xml</downloadUrl>
  </xform>
</xforms>`);
  assert.deepEqual((await server.ask('GET', LIST)).body, ['contact:person:create.xml', 'household.xml', 'visit.xml',
    ...Object.keys(project.json('app_settings.json').forms).map(code => `${code}.json`)]);
});

test('create-users', async () => {
  const [, ...rows] = project.read('users.csv').trim().split('\n').map(line => line.split(','));
  await project.says(`Creating user ${rows.at(-1)[0]}`, 'create-users');
  for (const [name, password, role, place, contact, fullname] of rows) {
    const basic = Buffer.from(`${name}:${password}`).toString('base64');
    const answer = await fetch(server.url('_session', null), { headers: { authorization: `Basic ${basic}` } });
    assert.equal(answer.status, 200);
    const { userCtx } = await answer.json();
    assert.equal(userCtx.name, name);
    assert(userCtx.roles.includes(role), userCtx.roles);
    const settings = await project.document(`org.couchdb.user:${name}`);
    assert.deepEqual([settings.type, settings.facility_id, settings.contact_id, settings.fullname],
      ['user-settings', place, contact, fullname]);
  }
});

test('the loader stores the same: it finds nothing to do', async () => {
  const loader = path.join(EXAMPLE, 'load.py');
  const output = execFileSync('python3', [loader, server.url().replace(/\/$/, '')], { encoding: 'utf8' });
  assert.match(output, /settings: as they were\ntranslations: 0 stored, 3 as they were\ncontacts: 0 stored, 14 as they were\n/);
  assert.match(output, /XForms: 0 stored, 2 as they were\naccounts: 0 made\n/);
});

test('reports are read with what was uploaded', async () => {
  project.write('sms.csv', 'from,message\n+254700000111,VISIT 40213 1 sleeps badly\n+254700000111,who comes today?\n');
  await project.says('upload-sms-from-csv complete', 'upload-sms-from-csv');
  const { rows } = (await server.ask('GET', 'medic/_all_docs?include_docs=true')).body;
  const records = rows.map(row => row.doc).filter(doc => doc.type === 'data_record');
  const visit = records.find(doc => doc.form === 'VISIT');
  assert.deepEqual(visit.fields, { patient_id: '40213', sign: 'fever', note: 'sleeps badly' });
  assert.equal(visit.contact._id, 'kilimo-asha');
  assert.match(records.find(doc => !doc.fields || !doc.fields.sign).tasks[0].messages[0].message, /^We do not know this report\./);
});

test('stop', () => server.finish());

main();
