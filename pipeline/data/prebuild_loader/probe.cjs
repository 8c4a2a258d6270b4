'use strict';
// A run, in a process of its own, that shows that a file works here; a crash or a hang hurts nobody else.

const { spawnSync } = require('node:child_process');

const LOAD_TIMEOUT_MS = 30000;
// Threads that an addon may have started must not keep the process.
const LOAD = 'require(process.argv[1]); process.exit(0);';
// Under an emulator that the kernel does not know, a shell is given this Node to read.
const CONTROL = { script: 'process.exit(73);', exitCode: 73 };

/**
 * Load an addon. Return why it does not work, the empty string when it does; null when no second Node can be
 * started here, so that nothing is known.
 */
function probeAddon(place, { timeoutMs = LOAD_TIMEOUT_MS } = {}) {
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
  delete env.NODE_OPTIONS;
  const node = (...words) => spawnSync(process.execPath, ['-e', ...words], { env, ...options(timeoutMs) });
  const ended = node(LOAD, place);
  if (ended.status === 0) return '';
  if (node(CONTROL.script).status !== CONTROL.exitCode) return null;
  return `it does not load: ${ending(ended, timeoutMs)}`;
}

/** Run a program as its manifest says; as above. Without a probe, nothing is known. */
function probeProgram(place, probe) {
  if (!probe) return null;
  const timeoutMs = probe.timeout_s * 1000;
  const env = process.platform === 'win32' ? { SystemRoot: process.env.SystemRoot } : {};
  const ended = spawnSync(place, probe.args, { env, ...options(timeoutMs) });
  if (ended.error && ended.error.code !== 'ETIMEDOUT') return `it cannot be started: ${ended.error.code}`;
  if (ended.status === probe.exit_code) return '';
  return `it does not answer its probe with ${probe.exit_code}: ${ending(ended, timeoutMs)}`;
}

function options(timeoutMs) {
  return {
    // Pipes for all: a bare root has no /dev/null.
    timeout: timeoutMs, killSignal: 'SIGKILL', encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, windowsHide: true,
  };
}

function ending(ended, timeoutMs) {
  if (ended.error && ended.error.code === 'ETIMEDOUT') return `no end within ${timeoutMs / 1000} s`;
  const said = (ended.stderr || '').split('\n').find((line) => /Error|error|not found|GLIBC/.test(line));
  const how = ended.signal ? `signal ${ended.signal}` : `exit status ${ended.status}`;
  return said ? `${how}, ${said.trim().slice(0, 300)}` : how;
}

module.exports = { probeAddon, probeProgram };
