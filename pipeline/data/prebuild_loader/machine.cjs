'use strict';
// What this process runs on: system, CPU, C library with its version, Node-API.

const fs = require('node:fs');
const { spawnSync } = require('node:child_process');

const MAX_HEADER_BYTES = 64 * 1024;
const TIMEOUT_MS = 5000;
const MUSL_OBJECT = /(^|\/)(ld-musl-[^/]*|libc\.musl-[^/]*)$/;

/**
 * Describe the machine as the fields of a manifest do; what is not known is null.
 *
 * The C library is the one that this very process has loaded, whatever files of others lie about.
 * @returns {{platform: string, arch: string, arm_version: ?number, libc: ?string, libc_version: ?string,
 *            node_api: ?number, node_abi: ?number}}
 */
function thisMachine() {
  const library = process.platform === 'linux' ? cLibrary() : { libc: null, libc_version: null };
  return {
    platform: process.platform,
    arch: process.arch,
    arm_version: process.arch === 'arm' ? number((process.config.variables || {}).arm_version) : null,
    ...library,
    node_api: number(process.versions.napi),
    node_abi: number(process.versions.modules),
  };
}

function number(text) {
  const value = Number(text);
  return Number.isInteger(value) && value > 0 ? value : null;
}

function cLibrary() {
  return fromReport() || fromInterpreter(process.execPath) || fromLdd() || { libc: null, libc_version: null };
}

/** Node's own report names the version of glibc that runs, and every library that is loaded. */
function fromReport() {
  const reporter = process.report;
  if (!reporter || typeof reporter.getReport !== 'function') return null;
  const before = reporter.excludeNetwork;
  reporter.excludeNetwork = true; // names of hosts would be looked up, which can take seconds
  try {
    const report = reporter.getReport();
    const version = report.header && report.header.glibcVersionRuntime;
    if (version) return { libc: 'glibc', libc_version: version };
    const musl = (report.sharedObjects || []).find((name) => MUSL_OBJECT.test(name));
    return musl ? { libc: 'musl', libc_version: muslVersion(musl) } : null;
  } catch {
    return null;
  } finally {
    reporter.excludeNetwork = before;
  }
}

/** The loader that a program asks for belongs to its C library (ELF, PT_INTERP). */
function fromInterpreter(program) {
  const interpreter = elfInterpreter(program);
  if (!interpreter) return null;
  if (MUSL_OBJECT.test(interpreter)) return { libc: 'musl', libc_version: muslVersion(interpreter) };
  if (!/\/ld(-linux[^/]*|64)?\.so\.[12]$/.test(interpreter)) return null;
  const ldd = fromLdd();
  return { libc: 'glibc', libc_version: ldd && ldd.libc === 'glibc' ? ldd.libc_version : null };
}

/** Return PT_INTERP of an ELF file of either size and byte order, null when there is none. */
function elfInterpreter(path) {
  let handle;
  try {
    handle = fs.openSync(path, 'r');
    const at = (offset, size) => {
      const bytes = Buffer.alloc(Math.min(size, MAX_HEADER_BYTES));
      return bytes.subarray(0, fs.readSync(handle, bytes, 0, bytes.length, offset));
    };
    const found = interpreterIn(at(0, MAX_HEADER_BYTES));
    return found && at(found.offset, found.size).toString('latin1').replace(/\0.*$/s, '');
  } catch {
    return null;
  } finally {
    if (handle !== undefined) fs.closeSync(handle);
  }
}

/** Return where the headers say that the interpreter's name lies: tools such as patchelf move it to the end. */
function interpreterIn(head) {
  if (head.length < 64 || head.readUInt32BE(0) !== 0x7f454c46) return null;
  const wide = head[4] === 2;
  const little = head[5] === 1;
  const read = (offset, size) => {
    if (size === 8) return Number(little ? head.readBigUInt64LE(offset) : head.readBigUInt64BE(offset));
    return little ? head.readUIntLE(offset, size) : head.readUIntBE(offset, size);
  };
  const start = wide ? read(32, 8) : read(28, 4);
  const entrySize = read(wide ? 54 : 42, 2);
  const count = read(wide ? 56 : 44, 2);
  for (let index = 0; index < count; index += 1) {
    const entry = start + index * entrySize;
    if (read(entry, 4) !== 3) continue;
    return {
      offset: wide ? read(entry + 8, 8) : read(entry + 4, 4),
      size: wide ? read(entry + 32, 8) : read(entry + 16, 4),
    };
  }
  return null;
}

/** musl's loader says its version when it is started without a program. */
function muslVersion(loader) {
  const ended = spawnSync(loader, [], { encoding: 'utf8', timeout: TIMEOUT_MS });
  const said = parseLibcText(`${ended.stdout || ''}${ended.stderr || ''}`);
  return said && said.libc === 'musl' ? said.libc_version : null;
}

function fromLdd() {
  const ended = spawnSync('ldd', ['--version'], { encoding: 'utf8', timeout: TIMEOUT_MS });
  return ended.error ? null : parseLibcText(`${ended.stdout || ''}${ended.stderr || ''}`);
}

/** Return what `ldd --version` or a loader says of its C library, null when it says nothing of the kind. */
function parseLibcText(text) {
  if (/^musl libc\b/m.test(text)) {
    const version = /^Version ([0-9]+(?:\.[0-9]+)+)/m.exec(text);
    return { libc: 'musl', libc_version: version ? version[1] : null };
  }
  const first = text.split('\n', 1)[0];
  if (!/\b(GNU libc|GLIBC|EGLIBC)\b/i.test(first)) return null;
  const version = /([0-9]+\.[0-9]+)(?:\.[0-9]+)?\.?\s*$/.exec(first);
  return { libc: 'glibc', libc_version: version ? version[1] : null };
}

/** Return the machine in a line. */
function describe(machine) {
  const parts = [`${machine.platform}-${machine.arch}`];
  if (machine.arm_version) parts.push(`ARMv${machine.arm_version}`);
  if (machine.libc) parts.push(machine.libc_version ? `${machine.libc} ${machine.libc_version}` : machine.libc);
  if (machine.node_api) parts.push(`Node-API ${machine.node_api}`);
  return parts.join(', ');
}

module.exports = { thisMachine, describe, elfInterpreter, parseLibcText };
