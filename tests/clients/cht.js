// SPDX-License-Identifier: MIT
'use strict';
// cht-conf, unmodified: a project folder, its command line run in it, and what the server has of it.
// The program is the file named by $CHT.

const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { assert } = require('./harness');

class Project {
  /** A copy of `folder`: the program leaves snapshots, backups and reports where it works. */
  constructor(server, folder) {
    this.server = server;
    this.folder = path.join(server.directory, 'project');
    fs.cpSync(folder, this.folder, { recursive: true });
  }

  /** Runs actions of the program at an address; {code, output} with the colours taken out. */
  run(url, actions, args = []) {
    const child = spawn(process.env.CHT, [`--url=${url}`, '--force', '--skip-version-check', '--skip-git-check',
      ...args, ...actions], { cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    [child.stdout, child.stderr].forEach(stream => stream.on('data', data => { output += data; }));
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', code => resolve({ code, output: output.replace(/\x1b\[[0-9;]*m/g, '') }));
    });
  }

  /** Runs an action as the administrator. */
  cht(action, ...args) {
    return this.run(this.server.url(), [action], args);
  }

  /** An action that must succeed and say `text`. */
  async says(text, action, ...args) {
    const { code, output } = await this.cht(action, ...args);
    assert.equal(code, 0, output);
    assert(output.includes(text), `no ${JSON.stringify(text)} in:\n${output}`);
    return output;
  }

  /** A document of the default database, which must be there. */
  async document(id) {
    const { status, body } = await this.server.ask('GET', `medic/${encodeURIComponent(id)}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }

  file(name) {
    return path.join(this.folder, name);
  }

  read(name) {
    return fs.readFileSync(this.file(name), 'utf8');
  }

  json(name) {
    return JSON.parse(this.read(name));
  }

  write(name, text) {
    fs.mkdirSync(path.dirname(this.file(name)), { recursive: true });
    fs.writeFileSync(this.file(name), text);
  }

  change(name, edit) {
    this.write(name, edit(this.read(name)));
  }

  digest(name) {
    return `md5-${crypto.createHash('md5').update(fs.readFileSync(this.file(name))).digest('base64')}`;
  }
}

/** Members of `found` that the uploaded object has, in the order found. */
const part = (found, uploaded) => Object.fromEntries(Object.entries(found).filter(([key]) => key in uploaded));

module.exports = { Project, part };
