// pico:assert: checks that throw.

export class AssertionError extends Error {
  get name() {
    return "AssertionError";
  }
}

function fail(message, fallback) {
  throw new AssertionError(message ?? fallback());
}

const { inspect } = Pico;

/** Throws unless the value is truthy. */
export function ok(value, message) {
  if (!value) fail(message, () => `${inspect(value)} is not truthy`);
}

/** Throws unless `Object.is` holds. */
export function equal(actual, expected, message) {
  if (!Object.is(actual, expected)) fail(message, () => `${inspect(actual)} is not ${inspect(expected)}`);
}

/** Throws unless both are made of equal parts. */
export function deepEqual(actual, expected, message) {
  if (!isDeepEqual(actual, expected, new Map())) {
    fail(message, () => `${inspect(actual)} does not equal ${inspect(expected)}`);
  }
}

/** Throws unless the function throws an instance of the class; returns what it threw. */
export function throws(callback, errorClass = Error, message) {
  try {
    callback();
  } catch (error) {
    if (error instanceof errorClass) return error;
    fail(message, () => `expected ${errorClass.name} but got ${inspect(error)}`);
  }
  return fail(message, () => `expected ${errorClass.name} but nothing was thrown`);
}

function isDeepEqual(left, right, seen) {
  if (Object.is(left, right)) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false;
  if (seen.has(left)) return seen.get(left) === right;
  seen.set(left, right);
  if (left instanceof Date) return Object.is(left.getTime(), right.getTime());
  if (left instanceof Map || left instanceof Set) return isDeepEqual([...left], [...right], seen);
  const keys = Reflect.ownKeys(left);
  return (
    keys.length === Reflect.ownKeys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isDeepEqual(left[key], right[key], seen))
  );
}
