'use strict';
// Files out of a zip (PKWARE APPNOTE 4.3): only those that are asked for, of exactly the size that they must have.

const zlib = require('node:zlib');
const { isInside } = require('./manifest.cjs');

const MAX_MEMBERS = 10000;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 65535;

/**
 * Return the content of each wanted file.
 * @param {Buffer} zip
 * @param {Map<string, number>} wanted names and sizes in bytes
 * @returns {Map<string, Buffer>}
 * Throws an Error for a damaged zip, and for one that would write outside a directory.
 */
function readZip(zip, wanted) {
  const found = new Map();
  for (const member of members(zip)) {
    const size = wanted.get(member.name);
    if (size === undefined) continue;
    if (found.has(member.name)) throw new Error(`${member.name} is in the zip twice`);
    found.set(member.name, content(zip, member, size));
  }
  for (const name of wanted.keys()) if (!found.has(name)) throw new Error(`${name} is not in the zip`);
  return found;
}

function* members(zip) {
  const end = endRecord(zip);
  const count = zip.readUInt16LE(end + 10);
  if (count > MAX_MEMBERS) throw new Error(`the zip has ${count} members, ${MAX_MEMBERS} are allowed`);
  let at = zip.readUInt32LE(end + 16);
  for (let index = 0; index < count; index += 1) {
    if (at + 46 > end || zip.readUInt32LE(at) !== 0x02014b50) throw new Error('the directory of the zip is damaged');
    const length = zip.readUInt16LE(at + 28);
    const name = zip.toString('utf8', at + 46, at + 46 + length);
    if (!isInside(name.replace(/\/$/, ''))) throw new Error(`${JSON.stringify(name)} leads out of the directory`);
    yield {
      name,
      encrypted: (zip.readUInt16LE(at + 8) & 1) === 1,
      method: zip.readUInt16LE(at + 10),
      packed: zip.readUInt32LE(at + 20),
      size: zip.readUInt32LE(at + 24),
      start: zip.readUInt32LE(at + 42),
    };
    at += 46 + length + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
}

function endRecord(zip) {
  const first = Math.max(0, zip.length - END_BYTES - MAX_COMMENT_BYTES);
  for (let at = zip.length - END_BYTES; at >= first; at -= 1) if (zip.readUInt32LE(at) === 0x06054b50) return at;
  throw new Error('it is no zip, or is cut short');
}

function content(zip, member, size) {
  if (member.size !== size) throw new Error(`${member.name} has another size than the manifest says`);
  if (member.encrypted) throw new Error(`${member.name} is encrypted`);
  const { start } = member;
  if (start + 30 > zip.length || zip.readUInt32LE(start) !== 0x04034b50) throw new Error(`${member.name} is damaged`);
  const from = start + 30 + zip.readUInt16LE(start + 26) + zip.readUInt16LE(start + 28);
  if (from + member.packed > zip.length) throw new Error(`${member.name} is cut short`);
  const packed = zip.subarray(from, from + member.packed);
  if (member.method === 0) return packed;
  if (member.method !== 8) throw new Error(`${member.name} is packed by method ${member.method}`);
  return zlib.inflateRawSync(packed, { maxOutputLength: Math.max(size, 1) });
}

module.exports = { readZip };
