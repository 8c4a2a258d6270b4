class CustomError extends Error {
  name = "CustomError";
}

export function fail(message) {
  throw new CustomError(message);
}
