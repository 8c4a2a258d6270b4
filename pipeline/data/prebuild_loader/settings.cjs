'use strict';
// What package.json, npm and the environment say. docs/installing.md lists every switch.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** Return the settings for the package in *root*. */
function readSettings(root, env = process.env) {
  const facts = packageJson(root);
  const own = isTable(facts.prebuilds) ? facts.prebuilds : {};
  const stem = String(facts.name || path.basename(root)).replace(/^@/, '').replace(/[^A-Za-z0-9]/g, '_');
  const variable = (suffix) => env[`${stem.toUpperCase()}_${suffix}`] || '';
  const npm = (key) => env[`npm_config_${key}`] || '';
  const ofNpm = (suffix) => npm(`${stem.toLowerCase()}_${suffix}`);
  return {
    title: [facts.name || path.basename(root), facts.version].filter(Boolean).join(' '),
    prefix: stem.toUpperCase(),
    binary: variable('BINARY') || variable('BINARY_PATH'),
    prebuildRoot: variable('PREBUILD'),
    prebuildsOnly: isOn(env.PREBUILDS_ONLY),
    fromSource: namesUs(env.npm_config_build_from_source, facts.name) || isOn(variable('BUILD_FROM_SOURCE')),
    offline: isOn(npm('offline')) || isOn(env.PREBUILDS_OFFLINE),
    skipDownload: isOn(variable('SKIP_DOWNLOAD')) || isOn(ofNpm('skip_download')) || isOn(env.PREBUILDS_SKIP_DOWNLOAD),
    mirror: variable('BINARY_MIRROR') || ofNpm('binary_host_mirror') || ofNpm('binary_host'),
    download: typeof own.download === 'string' ? own.download : '',
    hosts: [...texts(own.hosts), ...texts((env.PREBUILDS_HOSTS || '').split(','))],
    build: buildCommand(root, own.build, env),
    built: isTable(own.built) ? own.built : {},
    cacheDir: cacheDir(env, root),
    elsewhere: elsewhere(npm),
  };
}

function packageJson(root) {
  try {
    const facts = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
    return isTable(facts) ? facts : {};
  } catch {
    return {};
  }
}

/** Return what builds the package: words, or a line for the shell; null when nothing is known to. */
function buildCommand(root, stated, env) {
  if (Array.isArray(stated) && stated.length > 0) return stated.map(String);
  if (typeof stated === 'string' && stated) return stated;
  if (!fs.existsSync(path.join(root, 'binding.gyp'))) return null;
  return env.npm_config_node_gyp ? [process.execPath, env.npm_config_node_gyp, 'rebuild'] : 'node-gyp rebuild';
}

/** Return what npm's `--os`, `--cpu` and `--libc` (or node-gyp-build's names) ask for in place of this machine. */
function elsewhere(npm) {
  const asked = {};
  const platform = npm('os') || npm('platform');
  const arch = npm('cpu') || npm('arch') || npm('target_arch');
  if (platform && platform !== process.platform) asked.platform = platform;
  if (arch && arch !== process.arch) asked.arch = arch;
  if (npm('libc')) asked.libc = npm('libc');
  return asked;
}

function cacheDir(env, root) {
  if (env.PREBUILDS_CACHE) return path.resolve(env.PREBUILDS_CACHE);
  if (env.XDG_CACHE_HOME) return path.join(env.XDG_CACHE_HOME, 'prebuilds');
  if (process.platform === 'win32' && env.LOCALAPPDATA) return path.join(env.LOCALAPPDATA, 'prebuilds-cache');
  const home = env.HOME || homeOfUser();
  // A user of a container may have none: then there is no cache but the package's own.
  if (!home) return path.join(root, 'prebuilds/.cache');
  return path.join(home, process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'prebuilds');
}

function homeOfUser() {
  try {
    return os.homedir();
  } catch {
    return '';
  }
}

/** npm's `--build-from-source` is a switch, or a list of packages. */
function namesUs(value, name) {
  if (value === undefined || value === 'false') return false;
  return isOn(value) || texts(value.split(',')).includes(name);
}

function isOn(value) {
  return value !== undefined && ['1', 'true', 'yes', 'on'].includes(String(value).toLowerCase());
}

function texts(values) {
  return Array.isArray(values) ? values.filter((value) => typeof value === 'string').map((v) => v.trim()).filter(Boolean) : [];
}

function isTable(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

module.exports = { readSettings };
