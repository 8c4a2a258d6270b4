'use strict';
module.exports = require('./prebuilds/loader/index.cjs').load(__dirname);
