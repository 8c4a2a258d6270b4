'use strict';
// Which candidates of a manifest fit a machine, and why the others do not.

/** Compare dotted versions by their numbers; missing ones count as 0. */
function compareVersions(left, right) {
  const a = left.split('.').map(Number);
  const b = right.split('.').map(Number);
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = (a[index] || 0) - (b[index] || 0);
    if (difference) return difference;
  }
  return 0;
}

/**
 * Return why a candidate does not fit: a code and words, null when it fits.
 *
 * What the machine does not know of itself (null) refuses nothing but a C library: the probe decides.
 */
function refusal(prebuild, machine) {
  const no = (code, text) => ({ code, text });
  const known = (value) => value !== undefined && value !== null;
  if (prebuild.platform !== machine.platform) return no('platform', `is for ${prebuild.platform}`);
  if (prebuild.arch !== machine.arch) return no('arch', `is for ${prebuild.arch}`);
  if (known(prebuild.arm_version) && known(machine.arm_version) && prebuild.arm_version > machine.arm_version) {
    return no('arm_version', `needs ARMv${prebuild.arm_version}, this is ARMv${machine.arm_version}`);
  }
  if (known(prebuild.libc) && prebuild.libc !== machine.libc) return no('libc', `is for ${prebuild.libc}`);
  if (known(prebuild.libc_floor) && known(machine.libc_version)
    && compareVersions(prebuild.libc_floor, machine.libc_version) > 0) {
    return no('libc_version', `needs ${prebuild.libc} ${prebuild.libc_floor}, this is ${machine.libc_version}`);
  }
  if (known(prebuild.node_api) && known(machine.node_api) && prebuild.node_api > machine.node_api) {
    return no('node_api', `needs Node-API ${prebuild.node_api}, this Node has ${machine.node_api}`);
  }
  if (known(prebuild.node_abi) && known(machine.node_abi) && prebuild.node_abi !== machine.node_abi) {
    return no('node_abi', `is for Node's ABI ${prebuild.node_abi}, this Node has ${machine.node_abi}`);
  }
  return null;
}

/** Order two candidates that fit: the one that says more about what it is for comes first. */
function compare(left, right) {
  const by = (a, b) => (b || 0) - (a || 0);
  return by(left.arm_version, right.arm_version)
    || by(left.libc ? 1 : 0, right.libc ? 1 : 0)
    || compareVersions(right.libc_floor || '0', left.libc_floor || '0')
    || by(left.node_abi, right.node_abi)
    || by(left.node_api, right.node_api)
    || (left.path < right.path ? -1 : 1);
}

/**
 * Split candidates into those that fit, best first, and those that do not.
 * @param {{kind?: string, name?: string}} wanted leaves out all others without a word
 */
function choose(prebuilds, machine, wanted = {}) {
  const fitting = [];
  const refused = [];
  for (const prebuild of prebuilds) {
    if (wanted.kind && prebuild.kind !== wanted.kind) continue;
    if (wanted.name && prebuild.name !== wanted.name) continue;
    const why = refusal(prebuild, machine);
    if (why) refused.push({ prebuild, ...why });
    else fitting.push(prebuild);
  }
  return { fitting: fitting.sort(compare), refused };
}

module.exports = { choose, compareVersions };
