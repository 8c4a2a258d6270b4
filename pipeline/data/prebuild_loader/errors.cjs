'use strict';

/** What failed, why each candidate did not do, and what to do. */
class PrebuildError extends Error {
  /** @param {{reasons?: string[], action?: string, code?: string}} parts */
  constructor(what, { reasons = [], action = '', code = 'ERR_PREBUILD' } = {}) {
    const lines = [what, ...reasons.map((reason) => `  ${reason}`)];
    if (action) lines.push(`  what to do: ${action}`);
    super(lines.join('\n'));
    this.name = 'PrebuildError';
    this.code = code;
    this.what = what;
    this.reasons = reasons;
  }
}

module.exports = { PrebuildError };
