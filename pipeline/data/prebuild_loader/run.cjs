#!/usr/bin/env node
'use strict';
// For `bin` in package.json: starts the program that is called like this command, or the only one there is.

const { spawn } = require('node:child_process');
const os = require('node:os');
const path = require('node:path');
const { resolve } = require('./index.cjs');
const { readManifest } = require('./manifest.cjs');

const ROOT = path.resolve(__dirname, '../..');
const PROGRAM = 'executable';

function main() {
  let place;
  try {
    place = resolve(ROOT, { kind: PROGRAM, name: wantedName() });
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 38;
    return;
  }
  const child = spawn(place, process.argv.slice(2), { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`${place} cannot be started: ${error.message}\n`);
    process.exitCode = 38;
  });
  child.on('exit', (code, signal) => { process.exit(signal ? 128 + os.constants.signals[signal] : code); });
}

function wantedName() {
  const programs = readManifest(ROOT).prebuilds.filter((prebuild) => prebuild.kind === PROGRAM);
  const names = [...new Set(programs.map((prebuild) => prebuild.name))];
  const called = path.basename(process.argv[1]).replace(/\.(cmd|ps1|exe)$/, '');
  return names.length === 1 ? names[0] : called;
}

main();
