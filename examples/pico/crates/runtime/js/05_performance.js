// performance: the clock that never goes back.
"use strict";

const { DateNow } = internals.primordials;
const { now } = internals.ops;

class Performance {
  #origin;

  now() {
    return now();
  }

  // Found when first asked for: the heap may have been set up long before the program started.
  get timeOrigin() {
    this.#origin ??= DateNow() - now();
    return this.#origin;
  }

  toJSON() {
    return { timeOrigin: this.timeOrigin };
  }
}

internals.defineGlobals({ performance: new Performance() });
