// SPDX-License-Identifier: MIT
'use strict';
// What the client scripts share: the program under test on a database of its own, a plain HTTP
// request, and tests that print TAP.  The program is the file named by $BARUA.

const { spawn, spawnSync } = require('node:child_process');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const PASSWORD = 'Karibu-sana_5';
const LISTENING = /listening on http:\/\/127\.0\.0\.1:(\d+)/;
const TROUBLE = /AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|-CRITICAL \*\*|-ERROR \*\*/;

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

/** Waits until `condition` holds; `what` names it when it never does. */
async function until(what, condition, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value) {
      return value;
    }
    assert(Date.now() < end, `not within ${seconds} s: ${what}`);
    await sleep(20);
  }
}

/** `barua serve` on a database of its own, in a directory that goes with it. */
class Server {
  constructor(args = []) {
    this.program = process.env.BARUA;
    if (!this.program || !fs.existsSync(this.program)) {
      console.log('Bail out! BARUA does not name the program to test');
      process.exit(1);
    }
    this.args = args;
    this.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'barua-clients-'));
    this.log = path.join(this.directory, 'stderr.log');
    this.port = 0;
    this.kills = 0;
    process.on('exit', () => {
      if (this.child) {
        this.child.kill('SIGKILL');
      }
      fs.rmSync(this.directory, { recursive: true, force: true });
    });
  }

  /** Starts the program and waits until it listens; a restart keeps the port. */
  async start() {
    const from = fs.existsSync(this.log) ? fs.statSync(this.log).size : 0;
    const log = fs.openSync(this.log, 'a');
    const listen = `127.0.0.1:${this.port}`;
    const child = spawn(this.program,
      ['serve', '--database', path.join(this.directory, 'barua.db'), '--listen', listen, ...this.args], {
        stdio: ['ignore', log, log],
        env: { ...process.env, BARUA_ADMIN_PASSWORD: PASSWORD, TZ: 'UTC', G_DEBUG: 'fatal-criticals' },
      });
    fs.closeSync(log);
    this.child = child;
    this.ended = new Promise(resolve => child.on('exit', (code, signal) => resolve(signal || code)));
    const found = await until('the server listens', () => {
      assert.equal(child.exitCode, null, `serve ended:\n${this.text()}`);
      return fs.readFileSync(this.log).subarray(from).toString().match(LISTENING);
    });
    this.port = Number(found[1]);
    return this;
  }

  text() {
    return fs.readFileSync(this.log, 'utf8').slice(-8000);
  }

  /** kill -9; start() takes the same database again. */
  async kill() {
    this.kills++;
    this.child.kill('SIGKILL');
    assert.equal(await this.ended, 'SIGKILL', `serve had ended before:\n${this.text()}`);
    this.child = null;
  }

  /** Stops the program, which must end well, without a complaint of its checkers and with nothing to repair. */
  async finish() {
    const child = this.child;
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 30000);
    const status = await this.ended;
    clearTimeout(late);
    this.child = null;
    const log = this.text();
    const database = path.join(this.directory, 'barua.db');
    const check = spawnSync(this.program, ['check', '--database', database], { encoding: 'utf8' });
    assert.equal(status, 0, `serve ended with ${status}:\n${log}`);
    assert.doesNotMatch(log, TROUBLE);
    assert.equal(check.status, 0, `barua check:\n${check.stdout}${check.stderr}`);
  }

  /** The address of `where`, with the administrator's credentials unless `user` is null. */
  url(where = '', user = 'admin', password = PASSWORD) {
    const who = user === null ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
    return `http://${who}127.0.0.1:${this.port}/${where}`;
  }

  /** One request as the administrator, past all clients: {status, headers, body}. */
  async ask(method, where, value) {
    const answer = await fetch(this.url(where, null), {
      method,
      headers: {
        authorization: 'Basic ' + Buffer.from(`admin:${PASSWORD}`).toString('base64'),
        ...(value === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: value === undefined ? undefined : JSON.stringify(value),
    });
    const text = await answer.text();
    let body = text;
    try {
      body = JSON.parse(text);
    } catch {
      // an answer that is no JSON is kept as it came
    }
    return { status: answer.status, headers: answer.headers, body };
  }
}

const tests = [];

/** Registers a test; it fails by throwing, or after `seconds`. */
function test(name, run, seconds = 180) {
  tests.push({ name, run, seconds });
}

/** Runs one test; the error it ended with, or null. */
async function attempt({ run, seconds }) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not finished after ${seconds} s`)), seconds * 1000);
  });
  try {
    await Promise.race([run(), late]);
    return null;
  } catch (error) {
    return error || new Error('rejected without a reason');
  } finally {
    clearTimeout(timer);
  }
}

/** Runs every registered test in order (or those whose name contains $ONLY), prints TAP and ends the process. */
async function main() {
  const chosen = tests.filter(t => ['start', 'stop'].includes(t.name) || t.name.includes(process.env.ONLY || ''));
  let bad = 0;
  console.log(`1..${chosen.length}`);
  for (const [index, one] of chosen.entries()) {
    const start = Date.now();
    const error = await attempt(one);
    const took = (Date.now() - start) / 1000;
    console.log(`${error ? 'not ok' : 'ok'} ${index + 1} - ${one.name}${took > 1 ? ` (${took.toFixed(1)} s)` : ''}`);
    if (error) {
      bad++;
      const fields = error instanceof assert.AssertionError ? '' : `\n${JSON.stringify(error)}`;
      console.log(`${error.stack || error}${fields}`.slice(0, 4000).replace(/^/gm, '# '));
    }
  }
  process.exit(bad || !chosen.length ? 1 : 0);
}

module.exports = { PASSWORD, Server, assert, main, sleep, test, until };
