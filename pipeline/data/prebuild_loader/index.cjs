'use strict';
// At run time: load the addon, or find the program, that fits here. What was built locally comes first.

const path = require('node:path');
const { choose } = require('./choice.cjs');
const { PrebuildError } = require('./errors.cjs');
const { describe, thisMachine } = require('./machine.cjs');
const { problemOfFiles, readManifest } = require('./manifest.cjs');
const { ADDON, isFile, localBuilds, rootsOf } = require('./places.cjs');
const { readSettings } = require('./settings.cjs');

const PACKAGE_ROOT = path.resolve(__dirname, '../..');
// Larger files were compared at installation; reading them again at each start would be felt.
const LARGEST_DIGESTED = 32 * 1024 * 1024;

/**
 * Load the addon and return what it exports.
 * @param {string} [root] the package's directory; without it, the package that this loader lies in
 * @param {{name?: string, env?: object}} [options]
 */
function load(root = PACKAGE_ROOT, options = {}) {
  const search = new Search(root, { kind: ADDON, name: options.name }, options.env);
  for (const place of search.places()) {
    try {
      return require(place);
    } catch (error) {
      search.note(place, firstLine(error.message));
    }
  }
  throw search.failure();
}

/**
 * Return the path of the addon or program that fits here; it is not loaded or run.
 * @param {{name?: string, kind?: string, env?: object}} [options]
 */
function resolve(root = PACKAGE_ROOT, options = {}) {
  const search = new Search(root, { kind: options.kind || ADDON, name: options.name }, options.env);
  for (const place of search.places()) return place;
  throw search.failure();
}

class Search {
  constructor(root, wanted, env) {
    this.root = path.resolve(root);
    this.wanted = wanted;
    this.settings = readSettings(this.root, env);
    this.machine = null;
    this.reasons = [];
  }

  note(place, why) {
    const shown = path.relative(this.root, place);
    this.reasons.push(`${shown.startsWith('..') ? place : shown}: ${why}`);
  }

  * places() {
    const { settings } = this;
    if (settings.binary) {
      if (isFile(settings.binary)) yield path.resolve(settings.binary);
      else this.note(settings.binary, `named by ${settings.prefix}_BINARY, is not there`);
      return;
    }
    if (!settings.prebuildsOnly) yield* localBuilds(this.root, settings, this.wanted);
    yield* this.prebuilt();
  }

  * prebuilt() {
    let manifest;
    try {
      manifest = readManifest(this.root);
    } catch (error) {
      this.reasons.push(error.what);
      return;
    }
    this.machine = thisMachine();
    const { fitting, refused } = choose(manifest.prebuilds, this.machine, this.wanted);
    for (const { prebuild, text } of refused) this.reasons.push(`${prebuild.path}: ${text}`);
    for (const prebuild of fitting) {
      for (const root of rootsOf(prebuild, this.root, this.settings)) {
        const place = path.join(root, prebuild.path);
        if (!isFile(place)) continue;
        const problem = problemOfFiles(prebuild, root, { largestDigested: LARGEST_DIGESTED });
        if (!problem) yield place;
        else this.note(place, problem);
      }
      if (!this.reasons.some((reason) => reason.includes(prebuild.path))) {
        const owner = prebuild.npm_package ? `, nor is the package ${prebuild.npm_package}` : '';
        this.reasons.push(`${prebuild.path}: fits, but is not there${owner}`);
      }
    }
  }

  failure() {
    const here = describe(this.machine || thisMachine());
    const what = this.wanted.kind === ADDON ? 'addon' : 'program';
    return new PrebuildError(`${this.settings.title} has no ${what} that works here (${here})`, {
      reasons: this.reasons,
      action: 'run `npm rebuild` where a compiler is, or install again with optional packages',
    });
  }
}

function firstLine(text) {
  return String(text).split('\n', 1)[0];
}

module.exports = { load, resolve, thisMachine, choose, PrebuildError };
