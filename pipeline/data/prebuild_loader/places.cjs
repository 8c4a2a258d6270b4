'use strict';
// Where an addon or program may lie: named by the user, built locally, in a package, in the cache.

const fs = require('node:fs');
const path = require('node:path');

const ADDON = 'node-addon';

/** Return what was built in *root* itself, the likeliest first. */
function localBuilds(root, settings, wanted) {
  const stated = wanted.name && settings.built[wanted.name];
  if (typeof stated === 'string') return [path.resolve(root, stated)].filter(isFile);
  if (wanted.kind !== ADDON) return [];
  const name = wanted.name || '';
  const names = new Set([`${name}.node`, `${name.replace(/-/g, '_')}.node`]);
  return ['build/Release', 'build/Debug'].flatMap((directory) => {
    const found = list(path.join(root, directory)).filter((file) => file.endsWith('.node')).sort();
    const ours = found.filter((file) => names.has(file));
    return [...ours, ...found.filter((file) => !names.has(file))].map((file) => path.join(root, directory, file));
  });
}

/** Return the directories below which the files of a candidate may lie, by their paths in the manifest. */
function rootsOf(prebuild, root, settings) {
  const roots = settings.prebuildRoot ? [path.resolve(settings.prebuildRoot)] : [];
  const own = prebuild.npm_package && packageRoot(prebuild.npm_package, root);
  if (own) roots.push(own);
  return [...roots, root, cachedRoot(prebuild, settings)];
}

/** Return where the cache has a candidate: by the digest of its main file. */
function cachedRoot(prebuild, settings) {
  return path.join(settings.cacheDir, prebuild.files.find((file) => file.path === prebuild.path).sha256);
}

function packageRoot(name, root) {
  try {
    return path.dirname(require.resolve(`${name}/package.json`, { paths: [root] }));
  } catch {
    return null;
  }
}

function list(directory) {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

function isFile(place) {
  try {
    return fs.statSync(place).isFile();
  } catch {
    return false;
  }
}

module.exports = { ADDON, localBuilds, rootsOf, cachedRoot, isFile };
