// Files. The functions without "Sync" do their work on another thread.
"use strict";

const { ops } = internals;

internals.fs = {
  readTextFileSync(path) {
    return ops.readTextFileSync(path);
  },
  async readTextFile(path) {
    return await ops.readTextFile(path);
  },
  readFileSync(path) {
    return ops.readFileSync(path);
  },
  async readFile(path) {
    return await ops.readFile(path);
  },
  writeTextFileSync(path, text) {
    ops.writeTextFileSync(path, `${text}`);
  },
  async writeTextFile(path, text) {
    await ops.writeTextFile(path, `${text}`);
  },
  removeSync(path) {
    ops.removeSync(path);
  },
};
