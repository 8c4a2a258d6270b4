// Runs bcrypt's own tests, unchanged, by Node's test runner with jest's `expect`: jest itself takes a minute to start
// under emulation. Arguments: the package `expect`, and the test files.
'use strict';
const nodeTest = require('node:test');
const { expect } = require(process.argv[2]);

globalThis.expect = expect;
globalThis.jest = { setTimeout() {} };
globalThis.test = (name, body) => nodeTest(name, async () => {
  expect.setState({ assertionCalls: 0, expectedAssertionsNumber: null });
  await (body.length === 0
    ? body()
    : new Promise((resolve, reject) => body((error) => (error ? reject(error) : resolve()))));
  for (const { error } of expect.extractExpectedAssertionsErrors()) throw error;
});
for (const file of process.argv.slice(3)) require(file);
