// Preloaded (`--require`): when the process ends, prints which addons the loader has mapped.
'use strict';
const { writeSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');

if (isMainThread) {
  process.on('exit', () => {
    process.report.excludeNetwork = true;
    const mapped = process.report.getReport().sharedObjects.filter((path) => path.endsWith('.node'));
    writeSync(1, `\nmapped: ${JSON.stringify(mapped)}\n`);
  });
}
