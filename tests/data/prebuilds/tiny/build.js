'use strict';
// What node-gyp does, without npm's network: CC and HEADERS are given by whoever installs.
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');

fs.mkdirSync('build/Release', { recursive: true });
const [compiler, ...options] = process.env.TINY_CC.split('\n');
const flags = ['-shared', '-fPIC', `-I${process.env.TINY_HEADERS}`, 'tiny.c', '-o', 'build/Release/tiny.node'];
execFileSync(compiler, [...options, ...flags], { stdio: 'inherit' });
