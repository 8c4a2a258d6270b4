'use strict';
// A lock between processes: a directory whose time is renewed while its owner lives.

const fs = require('node:fs');
const path = require('node:path');

const RENEWED_EVERY_MS = 2000;
const STALE_AFTER_MS = 20000;
const ASKED_EVERY_MS = 100;

/**
 * Run *action* while no one else holds the lock, and return what it returns.
 * @param {(waited: boolean) => Promise} action is told whether another process had the lock before
 */
async function withLock(place, action) {
  fs.mkdirSync(path.dirname(place), { recursive: true });
  const waited = await take(place);
  const renewal = setInterval(() => renew(place), RENEWED_EVERY_MS);
  try {
    return await action(waited);
  } finally {
    clearInterval(renewal);
    fs.rmSync(place, { recursive: true, force: true });
  }
}

async function take(place) {
  for (let waited = false; ; waited = true) {
    try {
      fs.mkdirSync(place);
      return waited;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!removedStale(place)) await new Promise((done) => { setTimeout(done, ASKED_EVERY_MS); });
  }
}

function removedStale(place) {
  try {
    if (Date.now() - fs.statSync(place).mtimeMs < STALE_AFTER_MS) return false;
    const aside = `${place}.${process.pid}`; // only one of those who see it can rename it
    fs.renameSync(place, aside);
    fs.rmSync(aside, { recursive: true, force: true });
  } catch {
    // it is gone already
  }
  return true;
}

function renew(place) {
  const now = new Date();
  try {
    fs.utimesSync(place, now, now);
  } catch {
    // someone took it away: nothing that could be done about it here
  }
}

module.exports = { withLock };
