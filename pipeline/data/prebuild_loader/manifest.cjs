'use strict';
// prebuilds/manifest.json, and whether the files beside it are what it says.

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { PrebuildError } = require('./errors.cjs');

const MANIFEST = 'prebuilds/manifest.json';
const MAX_BYTES = 16 * 1024 * 1024;
const WINDOW_BYTES = 1024 * 1024;
const SHA256 = /^[0-9a-f]{64}$/;

/** Return the manifest of the package in *root*; throws PrebuildError when it cannot be used. */
function readManifest(root) {
  const file = path.join(root, MANIFEST);
  let text;
  try {
    if (fs.statSync(file).size > MAX_BYTES) throw new Error('it is too large to be one');
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw unusable(file, error.message);
  }
  return parseManifest(text, file);
}

/** Return a manifest or index from its text; *where* it came from is for messages. */
function parseManifest(text, where) {
  let manifest;
  try {
    manifest = JSON.parse(text);
  } catch (error) {
    throw unusable(where, error.message);
  }
  const problem = problemOf(manifest);
  if (problem) throw unusable(where, problem);
  return manifest;
}

function unusable(where, why) {
  return new PrebuildError(`${where} is no manifest of prebuilds: ${why}`, {
    action: 'install the package again',
  });
}

function problemOf(manifest) {
  if (!isTable(manifest) || manifest.schema_version !== 1) return 'it is of another version';
  if (!isText(manifest.name) || !isText(manifest.version) || !Array.isArray(manifest.prebuilds)) {
    return 'it lacks `name`, `version` or `prebuilds`';
  }
  for (const [index, prebuild] of manifest.prebuilds.entries()) {
    const problem = problemOfPrebuild(prebuild);
    if (problem) return `prebuilds.${index}: ${problem}`;
  }
  return '';
}

function problemOfPrebuild(prebuild) {
  if (!isTable(prebuild)) return 'it is no table';
  if (!['kind', 'name', 'platform', 'arch', 'path'].every((key) => isText(prebuild[key]))) return 'a text is missing';
  if (prebuild.npm_package !== undefined && !isText(prebuild.npm_package)) return '`npm_package` is no text';
  if (prebuild.libc_floor !== undefined && !/^[0-9]+(\.[0-9]+)*$/.test(prebuild.libc_floor)) return '`libc_floor`';
  const files = prebuild.files;
  if (!Array.isArray(files) || !files.every(isFile)) return '`files` are not files inside the package';
  return files.some((file) => file.path === prebuild.path) ? '' : '`path` is not among the files';
}

function isFile(file) {
  return isTable(file) && isText(file.path) && isInside(file.path) && SHA256.test(file.sha256)
    && Number.isSafeInteger(file.size_bytes) && file.size_bytes >= 0;
}

/** Tell whether a path with slashes stays where it begins. */
function isInside(name) {
  return !/[\\\0:]/.test(name) && name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

function isTable(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value) {
  return typeof value === 'string' && value !== '';
}

/** Return what is wrong with the files of a candidate below *root*; the empty string when nothing is. */
function problemOfFiles(prebuild, root, { largestDigested = Infinity } = {}) {
  for (const file of prebuild.files) {
    const place = path.join(root, file.path);
    let found;
    try {
      found = fs.statSync(place);
    } catch {
      return `${file.path} is not there`;
    }
    if (!found.isFile() || found.size !== file.size_bytes) return `${file.path} has another size than the manifest says`;
    try {
      if (file.size_bytes <= largestDigested && sha256(place) !== file.sha256) {
        return `${file.path} has another digest than the manifest says`;
      }
    } catch (error) {
      return `${file.path} cannot be read: ${error.code}`;
    }
  }
  return '';
}

function sha256(place) {
  const hash = crypto.createHash('sha256');
  const handle = fs.openSync(place, 'r');
  try {
    const window = Buffer.allocUnsafe(WINDOW_BYTES);
    for (let size; (size = fs.readSync(handle, window, 0, window.length, null)) > 0;) hash.update(window.subarray(0, size));
  } finally {
    fs.closeSync(handle);
  }
  return hash.digest('hex');
}

module.exports = { MANIFEST, readManifest, parseManifest, problemOfFiles, isInside };
