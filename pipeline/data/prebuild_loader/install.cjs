#!/usr/bin/env node
'use strict';
// For `install` in package.json's scripts: makes sure that what is installed works here, or builds it.

const fs = require('node:fs');
const { spawn } = require('node:child_process');
const path = require('node:path');
const { choose } = require('./choice.cjs');
const { downloadPrebuild, sources } = require('./download.cjs');
const { PrebuildError } = require('./errors.cjs');
const { withLock } = require('./lock.cjs');
const { describe, thisMachine } = require('./machine.cjs');
const { problemOfFiles, readManifest } = require('./manifest.cjs');
const { ADDON, cachedRoot, isFile, localBuilds, rootsOf } = require('./places.cjs');
const { probeAddon, probeProgram } = require('./probe.cjs');
const { readSettings } = require('./settings.cjs');

const EXIT_CODE = 38;

/** Install the package in *root*; return what was done for each addon and program. Throws PrebuildError. */
async function install(root, { env = process.env, say = () => {} } = {}) {
  const job = new Job(root, env, say);
  if (job.settings.binary) return [job.named()];
  const { manifest, why } = manifestOf(root);
  const all = wantedOf(manifest, job.settings);
  if (why || job.settings.fromSource) {
    return job.build([job.settings.fromSource ? 'npm_config_build_from_source asks for it' : why], all);
  }
  const done = [];
  for (const wanted of all) done.push(...await job.provide(wanted, manifest));
  return done;
}

function manifestOf(root) {
  try {
    const manifest = readManifest(root);
    return { manifest, why: manifest.prebuilds.length ? '' : 'the package has no prebuilds' };
  } catch (error) {
    return { manifest: { prebuilds: [] }, why: error.what };
  }
}

/** Return what the package consists of: by its manifest, else by what package.json says of local builds. */
function wantedOf(manifest, settings) {
  const all = manifest.prebuilds.map(({ kind, name }) => JSON.stringify({ kind, name }));
  if (all.length) return [...new Set(all)].map((text) => JSON.parse(text));
  const programs = Object.keys(settings.built).map((name) => ({ kind: 'executable', name }));
  return programs.length ? programs : [{ kind: ADDON }];
}

class Job {
  constructor(root, env, say) {
    this.root = root;
    this.env = env;
    this.say = say;
    this.settings = readSettings(root, env);
    this.machine = { ...thisMachine(), ...this.settings.elsewhere };
    this.isElsewhere = Object.keys(this.settings.elsewhere).some((key) => this.machine[key] !== thisMachine()[key]);
    if (this.isElsewhere) Object.assign(this.machine, { libc_version: null, arm_version: null });
  }

  /** Use the file that the user names; it is tried, and nothing replaces it. */
  named() {
    const { binary, prefix } = this.settings;
    const place = path.resolve(binary);
    const problem = !isFile(place) ? 'it is not there' : place.endsWith('.node') ? probeAddon(place) : '';
    if (problem) {
      throw new PrebuildError(`${place}, named by ${prefix}_BINARY, cannot be used: ${problem}`, {
        action: `correct or unset ${prefix}_BINARY`,
      });
    }
    this.say(`${place}, named by ${prefix}_BINARY`);
    return { how: 'named', path: place };
  }

  async provide(wanted, manifest) {
    const { fitting, refused } = choose(manifest.prebuilds, this.machine, wanted);
    const reasons = refused.map(({ prebuild, text }) => `${prebuild.path} ${text}`);
    for (const prebuild of fitting) {
      const found = this.present(prebuild, reasons) || await this.fetched(prebuild, manifest, reasons);
      if (found) return [found];
    }
    return this.build(reasons, [wanted]);
  }

  /** Return the candidate if its files lie here and work. */
  present(prebuild, reasons) {
    for (const root of rootsOf(prebuild, this.root, this.settings)) {
      const place = path.join(root, prebuild.path);
      if (!isFile(place)) continue;
      const problem = problemOfFiles(prebuild, root);
      const trial = problem ? { problem } : this.tried(prebuild, place);
      if (!trial.problem) {
        this.say(`${prebuild.path} fits ${describe(this.machine)}${trial.note}`);
        return { how: 'prebuilt', path: place };
      }
      reasons.push(`${prebuild.path}: ${trial.problem}`);
    }
    return null;
  }

  async fetched(prebuild, manifest, reasons) {
    const { offline, skipDownload } = this.settings;
    if (reasons.some((reason) => reason.includes(`${prebuild.path}: it does not`))) return null; // it was there
    if (offline || skipDownload || !sources(manifest, this.settings).length) {
      const why = offline ? 'npm is offline' : skipDownload ? 'downloads are switched off' : 'it is to be had nowhere else';
      reasons.push(`${prebuild.path} fits, but is not in the package, and ${why}`);
      return null;
    }
    try {
      const roots = [this.root, cachedRoot(prebuild, this.settings)];
      const root = await downloadPrebuild(prebuild, manifest, { settings: this.settings, roots, env: this.env });
      const place = path.join(root, prebuild.path);
      const { problem, note } = this.tried(prebuild, place);
      if (problem) throw new Error(`${prebuild.path}: ${problem}`);
      this.say(`${prebuild.path} fits ${describe(this.machine)}; it was downloaded${note}`);
      return { how: 'downloaded', path: place };
    } catch (error) {
      reasons.push(...error.message.split('\n').map((line) => line.trim()));
      return null;
    }
  }

  /** Return why a file does not work, and a note where nothing could be run. */
  tried(prebuild, place) {
    const untried = { problem: '', note: '; it was not run' };
    if (this.isElsewhere) return untried;
    const problem = prebuild.kind === ADDON ? probeAddon(place) : probeProgram(place, prebuild.probe);
    return problem === null ? untried : { problem, note: '' };
  }

  /** Build the package, and return what it made of all that is *wanted*. */
  async build(reasons, wanted) {
    const { build, title } = this.settings;
    const what = `no prebuild of ${title} is used on ${describe(this.machine)}`;
    if (!build || this.isElsewhere) {
      const action = this.isElsewhere
        ? 'install it on that machine, or choose a platform that the package has prebuilds for'
        : 'install optional packages, too, or another version; this package says no command that builds it';
      throw new PrebuildError(what, { reasons, action });
    }
    const line = Array.isArray(build) ? build.join(' ') : build;
    this.say([`${what}:`, ...reasons.map((reason) => `  ${reason}`), `building it: ${line}`].join('\n'));
    const lock = path.join(this.root, '.prebuilds-build.lock');
    if (!isWritable(this.root)) {
      throw new PrebuildError(what, {
        reasons: [...reasons, `${this.root} cannot be written to, so that nothing can be built there`],
        action: 'install as the user whom the directory belongs to',
      });
    }
    return withLock(lock, async (waited) => {
      // Whoever had the lock before has built the same.
      const found = waited ? this.allBuilt(wanted) : null;
      if (found) return found;
      const ended = await run(build, this.root, this.env);
      const built = ended ? null : this.allBuilt(wanted);
      if (built) return built;
      throw new PrebuildError(what, {
        reasons: [...reasons, `building it (${line}) ${ended || 'left nothing that works'}`],
        action: 'see what the build says above; it may need a compiler, make and Python',
      });
    });
  }

  allBuilt(wanted) {
    const found = wanted.map((one) => localBuilds(this.root, this.settings, one)
      .find((place) => one.kind !== ADDON || !probeAddon(place)));
    return found.every(Boolean) ? found.map((place) => ({ how: 'built', path: place })) : null;
  }
}

function isWritable(directory) {
  try {
    fs.accessSync(directory, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Run the build; return how it failed, the empty string when it did not. */
function run(build, cwd, env) {
  const [program, ...words] = Array.isArray(build) ? build : [build];
  const child = spawn(program, words, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'], shell: !Array.isArray(build) });
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(`cannot be started: ${error.message}`));
    child.on('exit', (code, signal) => resolve(code === 0 ? '' : `ended with ${signal || `exit status ${code}`}`));
  });
}

async function main() {
  const root = path.resolve(__dirname, '../..');
  const title = readSettings(root).title;
  try {
    await install(root, { say: (text) => process.stdout.write(`prebuilds: ${title}: ${text}\n`) });
  } catch (error) {
    const known = error instanceof PrebuildError;
    process.stderr.write(`prebuilds: ${known ? error.message : error.stack}\n`);
    process.exitCode = known ? EXIT_CODE : 1;
  }
}

if (require.main === module) main();

module.exports = { install };
