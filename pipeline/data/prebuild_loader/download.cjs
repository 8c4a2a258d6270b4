'use strict';
// A candidate's files from where releases lie: the index says which zip, the manifest here what must be in it.

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { once } = require('node:events');
const { PrebuildError } = require('./errors.cjs');
const { AllowedHosts, get, withoutCredentials } = require('./http.cjs');
const { withLock } = require('./lock.cjs');
const { isInside, parseManifest } = require('./manifest.cjs');
const { readZip } = require('./zip.cjs');

const MAX_INDEX_BYTES = 16 * 1024 * 1024;
const MAX_ZIP_BYTES = 1024 * 1024 * 1024;
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 250;
const OWN_CACHE = 'prebuilds/.cache';
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Return the addresses below which releases of *manifest* lie, mirrors first. */
function sources(manifest, settings) {
  const filled = (base) => base.replace(/\{version\}/g, manifest.version).replace(/\/*$/, '/');
  return [settings.mirror, settings.download].filter(Boolean).map(filled);
}

/**
 * Fetch the files of *prebuild* and write them below the first of *roots* that can be written to; return that root.
 *
 * What arrives is compared with the digests of the manifest in the package, so that no server is believed.
 * Throws PrebuildError with what each source answered.
 */
async function downloadPrebuild(prebuild, manifest, { settings, roots, env = process.env }) {
  const reasons = [];
  const named = sources(manifest, settings);
  const bases = named.filter((base) => {
    if (isAddress(base)) return true;
    reasons.push(`${base} is no address`);
    return false;
  });
  const allowed = new AllowedHosts(bases, settings.hosts);
  const mirror = settings.mirror && named[0];
  for (const base of bases) {
    try {
      const client = { allowed, env, downloads: downloadsIn([settings.cacheDir, path.join(roots[0], OWN_CACHE)]) };
      const archive = await archiveOf(prebuild, manifest, base, client);
      const from = archive.url && base !== mirror ? archive.url : new URL(archive.name, base).href;
      const zip = await fetchFile(from, archive, client);
      return writeFiles(unpacked(zip, prebuild, archive), prebuild, roots);
    } catch (error) {
      reasons.push(`${withoutCredentials(new URL(base))}: ${error.message}`);
    }
  }
  throw new PrebuildError(`${prebuild.path} cannot be downloaded`, { reasons });
}

function isAddress(text) {
  try {
    return /^https?:$/.test(new URL(text).protocol);
  } catch {
    return false;
  }
}

/** Return where downloads may lie until they are whole: the cache may belong to another user, as after `sudo`. */
function downloadsIn(places) {
  const problems = [];
  for (const place of places) {
    const downloads = path.join(place, 'downloads');
    try {
      fs.mkdirSync(downloads, { recursive: true });
      fs.accessSync(downloads, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
      return downloads;
    } catch (error) {
      problems.push(`${place} cannot be written to (${error.code})`);
    }
  }
  throw new Error(`${problems.join(', ')}; PREBUILDS_CACHE=DIR names another place`);
}

async function archiveOf(prebuild, manifest, base, client) {
  const name = `${manifest.name.replace(/^@/, '').replace(/\//g, '-')}-${manifest.version}.prebuilds.json`;
  const index = parseManifest((await fetchIndex(new URL(name, base).href, client)).toString('utf8'), name);
  const same = index.prebuilds.find((other) => other.path === prebuild.path);
  if (!same) throw new Error(`${name} has no ${prebuild.path}`);
  const archive = (same.archives || []).find((one) => one.format === 'zip' && typeof one.name === 'string'
    && isInside(one.name) && /^[0-9a-f]{64}$/.test(one.sha256) && one.size_bytes <= MAX_ZIP_BYTES);
  if (!archive) throw new Error(`${name} names no zip with ${prebuild.path}`);
  return archive;
}

function fetchIndex(url, client) {
  return retrying(async () => {
    const response = await accepted(await get(url, client), [200]);
    const parts = [];
    let size = 0;
    for await (const part of response) {
      size += part.length;
      if (size > MAX_INDEX_BYTES) throw final('the index is too large to be one');
      parts.push(part);
    }
    return Buffer.concat(parts);
  });
}

/** Fetch a file of known digest; what came before a cut is kept, also for the next run. */
function fetchFile(url, { sha256, size_bytes: size }, client) {
  const whole = path.join(client.downloads, sha256);
  return withLock(`${whole}.lock`, async () => {
    const part = `${whole}.part`;
    await retrying(() => append(url, part, size, client));
    const content = fs.readFileSync(part);
    fs.rmSync(part); // right or wrong: the next run begins anew
    const digest = crypto.createHash('sha256').update(content).digest('hex');
    if (digest !== sha256) throw new Error(`the zip has the SHA-256 ${digest} instead of ${sha256}`);
    return content;
  });
}

/** Return how much of a file is there; what another user left, whom nobody can read, is taken away. */
function sizeOfPart(part) {
  try {
    fs.accessSync(part, fs.constants.R_OK | fs.constants.W_OK);
    const found = fs.statSync(part);
    if (found.isFile()) return found.size;
  } catch {
    // there is none, or it is another user's
  }
  fs.rmSync(part, { force: true, recursive: true });
  return 0;
}

async function append(url, part, size, client) {
  let have = sizeOfPart(part);
  if (have === size) return;
  if (have > size) have = 0;
  const headers = have ? { Range: `bytes=${have}-` } : {};
  const response = await accepted(await get(url, { ...client, headers }), [200, 206]);
  const goesOn = response.statusCode === 206 && String(response.headers['content-range']).startsWith(`bytes ${have}-`);
  if (!goesOn) have = 0;
  const out = fs.createWriteStream(part, { flags: goesOn ? 'a' : 'w' });
  const closed = once(out, 'close');
  closed.catch(() => {}); // a full disk is told of below
  try {
    for await (const chunk of response) {
      have += chunk.length;
      if (have > size) throw final(`it is larger than the ${size} bytes of the index`);
      if (!out.write(chunk)) await once(out, 'drain');
    }
  } finally {
    out.end();
    await closed;
  }
  if (have < size) throw new Error(`it was cut after ${have} of ${size} bytes`);
}

function accepted(response, statuses) {
  if (statuses.includes(response.statusCode)) return response;
  response.destroy();
  const error = new Error(`the server answered ${response.statusCode}`);
  throw PASSING.has(response.statusCode) ? error : Object.assign(error, { final: true });
}

function final(text) {
  return Object.assign(new Error(text), { final: true });
}

async function retrying(action) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action();
    } catch (error) {
      if (error.final || error instanceof PrebuildError || attempt === ATTEMPTS) throw error;
    }
    await new Promise((done) => { setTimeout(done, FIRST_PAUSE_MS * 2 ** attempt); });
  }
}

/** Return the files of the candidate by their paths, each of the digest that the manifest has. */
function unpacked(zip, prebuild, archive) {
  const prefix = typeof archive.prefix === 'string' ? archive.prefix : '';
  const inside = (file) => (file.path.startsWith(prefix) ? file.path.slice(prefix.length) : file.path);
  const found = readZip(zip, new Map(prebuild.files.map((file) => [inside(file), file.size_bytes])));
  return prebuild.files.map((file) => {
    const content = found.get(inside(file));
    const digest = crypto.createHash('sha256').update(content).digest('hex');
    if (digest !== file.sha256) throw new Error(`${file.path} has another digest than the manifest in the package says`);
    return { file, content };
  });
}

function writeFiles(files, prebuild, roots) {
  let last;
  for (const root of roots) {
    try {
      // The main file comes last: where it is, the others are.
      const main = files.filter(({ file }) => file.path === prebuild.path);
      for (const { file, content } of [...files.filter((one) => !main.includes(one)), ...main]) writeWhole(root, file, content);
      return root;
    } catch (error) {
      if (!['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR'].includes(error.code)) throw error;
      last = error;
    }
  }
  throw last;
}

function writeWhole(root, file, content) {
  const place = path.join(root, file.path);
  fs.mkdirSync(path.dirname(place), { recursive: true });
  const temporary = `${place}.${process.pid}.${crypto.randomBytes(4).toString('hex')}.part`;
  try {
    fs.writeFileSync(temporary, content, { mode: file.executable ? 0o755 : 0o644, flush: true });
    fs.renameSync(temporary, place);
  } finally {
    fs.rmSync(temporary, { force: true });
  }
}

module.exports = { downloadPrebuild, sources };
