// SPDX-License-Identifier: MIT
'use strict';
// The pages for people in Chromium: users.md 2.4, 8.5, 8.6; with script and without, on a desk and on
// a small phone.

const { chromium } = require('playwright-core');
const { spawnSync } = require('node:child_process');
const { PASSWORD, Server, assert, main, test } = require('./harness.js');

const DESK = { width: 1200, height: 800 };
const PHONE = { width: 320, height: 480 };
const SECRET = 'S3cret.enough';
const LANGUAGES = ['ar', 'bm', 'en', 'es', 'fr', 'hi', 'id', 'ne', 'pt', 'sw'];

let server;
let browser;
let users = 0;

/** The browser of this machine; a missing one ends the run, it is not a reason to skip. */
function findChromium() {
  const found = spawnSync('sh', ['-c', 'command -v chromium || command -v chromium-browser'],
    { encoding: 'utf8' }).stdout.trim();
  if (!found) {
    console.log('Bail out! chromium is missing (Debian package: chromium)');
    process.exit(1);
  }
  return found;
}

/** Runs `use` with a page of a browser without history; whatever it complained of fails, but for `known`. */
async function withPage({ viewport = DESK, script = true, locale = 'en', known = /status of 4\d\d/ }, use) {
  const context = await browser.newContext({ viewport, javaScriptEnabled: script, locale });
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', error => complaints.push(`script: ${error}`));
  page.on('console', message => {
    // the console tells of every 401, too
    if (message.type() === 'error' && !known.test(message.text())) {
      complaints.push(message.text());
    }
  });
  page.on('request', request => {
    const address = new URL(request.url());
    if (address.protocol !== 'data:' && address.host !== `127.0.0.1:${server.port}`) {
      complaints.push(`asked elsewhere: ${request.url()}`);
    }
  });
  try {
    await use(page, context);
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
}

const at = where => `http://127.0.0.1:${server.port}${where}`;

async function fillIn(page, user, password) {
  await page.fill('#user', user);
  await page.fill('#password', password);
  await page.click('button[type=submit]');
}

/** Who the browser's session belongs to; null without one. */
async function whoIsIn(context) {
  const answer = await context.request.get(at('/_session'), { headers: { accept: 'application/json' } });
  return answer.status() === 200 ? (await answer.json()).userCtx.name : null;
}

/** A user with a login link: {name, link}; a phone fetches the SMS and reports what became of it. */
async function issueLink() {
  const name = `jo${++users}`;
  const made = await server.ask('POST', 'api/v1/users', {
    username: name, roles: ['chw-manager'], phone: `+2547120003${String(users).padStart(2, '0')}`, token_login: true,
  });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  const { body: { messages } } = await server.ask('POST', 'api/sms', {});
  assert.equal(messages.length, 2);
  assert.equal(messages[0].content, `Hi ${name}, press the link`);
  const updates = ['PENDING', 'SENT', 'DELIVERED'].flatMap(status => messages.map(({ id }) => ({ id, status })));
  await server.ask('POST', 'api/sms', { updates });
  assert.match(messages[1].content, /^http:\/\/127\.0\.0\.1:\d+\/medic\/login\/token\/[A-Za-z0-9]{64}$/);
  return { name, link: messages[1].content };
}

test('start', async () => {
  server = await new Server().start();
  browser = await chromium.launch({ executablePath: findChromium(), args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  const set = await server.ask('PUT', 'api/v1/settings?overwrite=1', {
    locale: 'en', default_country_code: 254, roles: { 'chw-manager': { name: 'm' } },
    token_login: { enabled: true, message: 'Hi {{name}}, press the link' },
  });
  assert.equal(set.status, 200);
  const made = await server.ask('POST', 'api/v1/users', { username: 'mary', password: SECRET, roles: ['chw-manager'] });
  assert.equal(made.status, 200, JSON.stringify(made.body));
});

for (const script of [true, false]) {
  const how = script ? 'with script' : 'without script';

  test(`login, home, logout ${how}`, () => withPage({ script }, async (page, context) => {
    await page.goto(at('/'));
    assert.equal(new URL(page.url()).pathname, '/medic/login');
    assert.equal(await page.isVisible('#show'), script);
    await fillIn(page, 'mary', SECRET);
    await page.waitForURL(at('/'));
    assert.match(await page.textContent('main'), /mary/);
    assert.equal(await whoIsIn(context), 'mary');
    await page.goto(at('/medic/login'));
    assert.equal(page.url(), at('/'), 'a session leads away from the login page');
    await page.click('button[type=submit]');
    await page.waitForURL(at('/medic/login'));
    assert.equal(await whoIsIn(context), null);
  }));

  test(`the administrator is led to /admin/ ${how}`, () => withPage({ script }, async page => {
    await page.goto(at('/medic/login'));
    await fillIn(page, 'admin', PASSWORD);
    await page.waitForURL(at('/admin/'));
  }));

  test(`a wrong password is told ${how}`, () => withPage({ script, viewport: PHONE }, async (page, context) => {
    await page.goto(at('/medic/login'));
    assert.equal(await page.isVisible('#message'), false);
    await fillIn(page, 'mary', 'wrong');
    await page.waitForSelector('#message');
    assert.equal(await page.textContent('#message'), 'The user name or the password is wrong. Please try again.');
    assert.equal(await page.inputValue('#user'), 'mary');
    assert.equal(await whoIsIn(context), null);
    await page.fill('#password', SECRET);
    await page.click('button[type=submit]');
    await page.waitForURL(at('/'));
    assert.equal(await whoIsIn(context), 'mary');
  }));

  test(`the target survives ${how}`, () => withPage({ script }, async page => {
    await page.goto(at(`/medic/login?redirect=${encodeURIComponent('/_up?a=b#c')}`));
    await page.click('a[hreflang=fr]');
    assert.equal(await page.getAttribute('html', 'lang'), 'fr');
    await fillIn(page, 'mary', SECRET);
    await page.waitForURL(at('/_up?a=b#c'));
  }));

  test(`a login link from the SMS to the session ${how}`, () => withPage({ script, viewport: PHONE },
    async (page, context) => {
      const { name, link } = await issueLink();
      const answer = await page.goto(link);
      assert.equal(answer.status(), 200);
      await page.reload();
      assert.equal(await whoIsIn(context), null, 'opening the page must not use the link');
      await page.click('button[type=submit]');
      await page.waitForURL(at('/'));
      assert.match(await page.textContent('main'), new RegExp(name));
      assert.equal(await whoIsIn(context), name);
      await withPage({ script, viewport: PHONE }, async (second, other) => {
        await second.goto(link);
        await second.click('button[type=submit]');
        await second.waitForSelector('#message');
        assert.match(await second.textContent('#message'), /not valid, or it was used before/);
        assert.equal(await whoIsIn(other), null);
      });
    }));

  test(`a cut link is told ${how}`, () => withPage({ script, viewport: PHONE, locale: 'sw' }, async page => {
    await page.goto(at('/medic/login/token/'));
    await page.click('button[type=submit]');
    await page.waitForSelector('#message');
    assert.match(await page.textContent('#message'), /Kiungo hiki hakijakamilika/);
  }));
}

test('a caller who is logged in does not use up a link', () => withPage({}, async (page, context) => {
  const { name, link } = await issueLink();
  await page.goto(at('/medic/login'));
  await fillIn(page, 'mary', SECRET);
  await page.waitForURL(at('/'));
  await page.goto(link);
  await page.click('button[type=submit]');
  await page.waitForURL(at('/'));
  assert.equal(await whoIsIn(context), 'mary');
  await withPage({ script: false }, async (other, fresh) => {
    await other.goto(link);
    await other.click('button[type=submit]');
    await other.waitForURL(at('/'));
    assert.equal(await whoIsIn(fresh), name);
  });
}));

test('the link never travels as a referrer', () => withPage({}, async page => {
  const { link } = await issueLink();
  const referrers = [];
  page.on('request', request => referrers.push(request.headers().referer || ''));
  await page.goto(link);
  await page.click('a[hreflang=sw]');
  await page.click('button[type=submit]');
  await page.waitForURL(at('/'));
  assert(referrers.length > 3);
  assert.deepEqual(referrers.filter(referrer => referrer.includes('/token/')), []);
}));

test('a password can be shown', () => withPage({}, async page => {
  await page.goto(at('/medic/login'));
  assert.equal(await page.getAttribute('#password', 'type'), 'password');
  await page.check('#show');
  assert.equal(await page.getAttribute('#password', 'type'), 'text');
}));

test('a server that does not answer is told', () => withPage({ known: /ERR_FAILED/ }, async (page, context) => {
  await page.goto(at('/medic/login'));
  await page.fill('#user', 'mary');
  await page.fill('#password', SECRET);
  await page.route('**/medic/login', route => route.abort());
  await page.evaluate(() => document.querySelector('button[type=submit]').click());
  await page.waitForSelector('#message:not([hidden])');
  assert.match(await page.textContent('#message'), /No connection to the server/);
  assert.equal(await page.isEnabled('button[type=submit]'), true);
  await page.unroute('**/medic/login');
  await page.click('button[type=submit]');
  await page.waitForURL(at('/'));
  assert.equal(await whoIsIn(context), 'mary');
}));

test('every language fits a small phone', () => withPage({ viewport: PHONE }, async page => {
  for (const where of ['/medic/login', '/medic/login/token/x']) {
    for (const locale of LANGUAGES) {
      await page.goto(at(`${where}?locale=${locale}`));
      const seen = await page.evaluate(() => ({
        width: document.documentElement.scrollWidth,
        direction: getComputedStyle(document.body).direction,
        text: parseFloat(getComputedStyle(document.querySelector('label, p:not(.mark)')).fontSize),
        targets: [...document.querySelectorAll('button, input[type=text], input[type=password]')]
          .map(element => element.getBoundingClientRect().height),
      }));
      assert(seen.width <= PHONE.width, `${where} in ${locale} is ${seen.width} px wide`);
      assert(seen.text >= 16, `${where} in ${locale} has letters of ${seen.text} px`);
      assert(seen.targets.every(height => height >= 44), `${where} in ${locale}: ${seen.targets}`);
      assert.equal(seen.direction, locale === 'ar' ? 'rtl' : 'ltr');
    }
  }
}));

test('the browser gets its own language', () => withPage({ locale: 'fr-CM' }, async page => {
  await page.goto(at('/medic/login'));
  assert.equal(await page.getAttribute('html', 'lang'), 'fr');
}));

/* The message queue (spec/messaging.md 3.9). */

const line = (page, text) => page.locator('#list tbody tr', { hasText: text });

async function openQueue(page, query = '') {
  await page.goto(at(`/medic/messages${query}`));
  await fillIn(page, 'admin', PASSWORD);
  await page.waitForURL(at(`/medic/messages${query}`));
}

test('a message is written, cancelled, sent again', () => withPage({}, async page => {
  await openQueue(page);
  await page.click('summary');
  await page.fill('#send-to', '0712 000 777');
  await page.fill('#send-content', 'ça va? '.repeat(12).trim());
  await page.waitForFunction(() => document.querySelector('#count').textContent !== '');
  assert.equal(await page.textContent('#count'), '2 SMS, 83 characters. Longer because of: ç');
  await page.click('#send button');
  await line(page, 'ça va?').waitFor();
  assert.equal(await page.textContent('#say'), 'The message is in the queue.');
  assert.equal(await line(page, 'ça va?').locator('.state').textContent(), 'pending');
  assert.match(await line(page, 'ça va?').locator('.to').textContent(), /^\+254712000777$/);
  await line(page, 'ça va?').getByText('Cancel').click();
  await line(page, 'ça va?').getByText('cleared').waitFor();
  await line(page, 'ça va?').getByText('Send again').click();
  await line(page, 'ça va?').getByText('pending').waitFor();
  assert.deepEqual((await line(page, 'ça va?').locator('.state').allTextContents()).sort(), ['cleared', 'pending']);
  const { body: { messages } } = await server.ask('POST', 'api/sms', {});
  assert.deepEqual(messages.map(message => message.to).filter(to => to === '+254712000777').length, 1);
}));

test('the queue is filtered, page by page', () => withPage({}, async page => {
  const many = Array.from({ length: 120 }, (_, i) => ({
    messages: [{ uuid: `page-${i}`, to: '+254712000888', message: `number ${i}` }], state: 'failed', due: Date.now() - 1000 * (200 - i),
  }));
  await server.ask('POST', 'medic', { type: 'data_record', tasks: many });
  await openQueue(page);
  await page.fill('#f-to', '0712000888');
  await page.selectOption('#f-state', 'failed');
  await page.click('#filter button');
  await page.waitForFunction(() => document.querySelectorAll('#list tbody tr').length === 50 && !document.querySelector('#list[aria-busy]'));
  assert.match(await page.locator('#list tbody tr').first().textContent(), /number 0/);
  for (const rows of [100, 120]) {
    await page.click('#more');
    await page.waitForFunction(n => document.querySelectorAll('#list tbody tr').length === n, rows);
  }
  assert.equal(await page.isVisible('#more'), false);
  await line(page, 'number 119').getByText('Try again').click();
  await page.waitForFunction(() => document.querySelectorAll('#list tbody tr').length === 119);
  await page.fill('#f-to', '0712999999');
  await page.click('#filter button');
  await page.waitForSelector('#none:not([hidden])');
}));

test('what the server refuses is told, and kept', () => withPage({}, async page => {
  await openQueue(page);
  await page.fill('#f-to', '+254712000999');
  await page.click('summary');
  await page.fill('#send-to', 'nobody');
  await page.fill('#send-content', '<b>not bold</b>');
  await page.click('#send button');
  await page.waitForSelector('#say.bad');
  assert.equal(await page.textContent('#say'), 'to: is no phone number');
  assert.equal(await page.inputValue('#send-content'), '<b>not bold</b>');
  await page.fill('#send-to', '+254712000999');
  await page.click('#send button');
  await line(page, '<b>not bold</b>').waitFor();
}));

test('the queue fits a small phone in every language', () => withPage({ viewport: PHONE }, async page => {
  await openQueue(page);
  for (const locale of LANGUAGES) {
    await page.goto(at(`/medic/messages?locale=${locale}`));
    await page.waitForSelector('#list tbody tr');
    const seen = await page.evaluate(() => ({
      width: document.documentElement.scrollWidth,
      targets: [...document.querySelectorAll('button:not([hidden]), select, .filter input')]
        .map(element => element.getBoundingClientRect()).filter(box => box.height).map(box => box.height),
    }));
    assert(seen.width <= PHONE.width, `${locale} is ${seen.width} px wide`);
    assert(seen.targets.every(height => height >= 44), `${locale}: ${seen.targets}`);
  }
}));

for (const viewport of [PHONE, DESK]) {
  test(`the reference is read without script or network, ${viewport.width} px`, () => withPage({ viewport, script: false }, async page => {
    const asked = [];
    page.on('request', request => asked.push(request.url()));
    await page.goto(at('/api/docs'));
    assert.deepEqual(asked.filter(url => !url.startsWith('data:')), [at('/api/docs')]);
    assert.match(await page.textContent('#exchangeSms'), /can_access_gateway_api/);
    for (const { width } of await Promise.all(['html', 'main', '#exchangeSms', '#exportReports', '#documents', '#schemas']
      .map(selector => page.locator(selector).boundingBox()))) {
      assert(width <= viewport.width, `${width} px`);
    }
    const menu = await page.locator('nav').boundingBox();
    const main = await page.locator('main').boundingBox();
    assert.equal(menu.x + menu.width <= main.x, viewport === DESK, 'the menu is beside the text on a desk');
    await page.mouse.wheel(5000, 0);
    assert.equal(Math.round((await page.locator('main').boundingBox()).x), Math.round(main.x), 'it scrolls sideways');
    await page.click('nav a[href="#schemas"]');
    assert.equal(new URL(page.url()).hash, '#schemas');
  }));
}

test('stop', async () => {
  await browser.close();
  await server.finish();
});

main();
