// Pico: what the runtime offers beyond the web's own names.
"use strict";

const { ObjectDefineProperties, ObjectFreeze, ObjectGetOwnPropertyDescriptors } = internals.primordials;
const { env, fs, inspect, os, target, version } = internals;

const pico = ObjectDefineProperties({}, {
  ...ObjectGetOwnPropertyDescriptors(fs),
  ...ObjectGetOwnPropertyDescriptors(os),
});
pico.env = env;
pico.build = ObjectFreeze({ target });
pico.version = version;
pico.inspect = inspect;

internals.defineGlobals({ Pico: ObjectFreeze(pico) });
