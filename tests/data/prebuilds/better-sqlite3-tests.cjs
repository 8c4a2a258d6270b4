// Tests of ours for better-sqlite3, whose package has none. Argument: the directory of the package.
'use strict';
const assert = require('node:assert');
const test = require('node:test');
const Database = require(process.argv[2]);

test('rows come back as they were put in', () => {
  const db = new Database(':memory:');
  db.exec('CREATE TABLE t (i INTEGER, r REAL, s TEXT, b BLOB)');
  const insert = db.prepare('INSERT INTO t VALUES (?, ?, ?, ?)');
  assert.strictEqual(insert.run(42, 0.5, 'zwölf Boxkämpfer', Buffer.from([0, 255])).changes, 1);
  assert.deepStrictEqual(db.prepare('SELECT * FROM t').get(), {
    i: 42, r: 0.5, s: 'zwölf Boxkämpfer', b: Buffer.from([0, 255]),
  });
  db.close();
});

test('a transaction that throws leaves nothing behind', () => {
  const db = new Database(':memory:');
  db.exec('CREATE TABLE t (i INTEGER UNIQUE)');
  const insert = db.prepare('INSERT INTO t VALUES (?)');
  assert.throws(() => db.transaction((all) => all.forEach((i) => insert.run(i)))([1, 2, 1]), {
    code: 'SQLITE_CONSTRAINT_UNIQUE',
  });
  assert.strictEqual(db.prepare('SELECT count(*) FROM t').pluck().get(), 0);
});

test('functions, aggregates and virtual tables call JavaScript', () => {
  const db = new Database(':memory:');
  db.function('twice', (x) => x * 2);
  db.aggregate('longest', { start: '', step: (a, b) => (b.length > a.length ? b : a) });
  db.table('numbers', { columns: ['n'], parameters: ['end'], *rows(end) { for (let n = 0; n < end; n++) yield [n]; } });
  assert.strictEqual(db.prepare('SELECT sum(twice(n)) FROM numbers(10)').pluck().get(), 90);
  assert.strictEqual(db.prepare("SELECT longest(value) FROM json_each('[\"a\",\"abc\",\"ab\"]')").pluck().get(), 'abc');
  db.function('fails', () => { throw new RangeError('of ours'); });
  assert.throws(() => db.prepare('SELECT fails()').get(), { name: 'RangeError', message: 'of ours' });
});

test('big integers, JSON and full-text search', () => {
  const db = new Database(':memory:');
  assert.strictEqual(db.prepare('SELECT 9223372036854775807').safeIntegers().pluck().get(), 9223372036854775807n);
  assert.strictEqual(db.prepare("SELECT json_extract('{\"a\":[1,2]}', '$.a[1]')").pluck().get(), 2);
  db.exec("CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES ('the quick fox'), ('a slow one')");
  assert.deepStrictEqual(db.prepare("SELECT x FROM f WHERE f MATCH 'quick'").pluck().all(), ['the quick fox']);
});

test('a database is written out, copied and read again', async (t) => {
  const path = require('node:path').join(require('node:fs').mkdtempSync('sqlite-'), 'copy.db');
  t.after(() => require('node:fs').rmSync(require('node:path').dirname(path), { recursive: true }));
  const db = new Database(':memory:');
  db.exec('CREATE TABLE t (i); INSERT INTO t VALUES (1), (2), (3)');
  assert.strictEqual(new Database(db.serialize()).prepare('SELECT sum(i) FROM t').pluck().get(), 6);
  await db.backup(path);
  const copy = new Database(path, { readonly: true });
  assert.strictEqual(copy.prepare('SELECT sum(i) FROM t').pluck().get(), 6);
  assert.throws(() => copy.exec('DELETE FROM t'), { code: 'SQLITE_READONLY' });
});

test('an error of SQL has its code', () => {
  assert.throws(() => new Database(':memory:').prepare('SELEC'), { name: 'SqliteError', code: 'SQLITE_ERROR' });
});
