// A rejection that nobody handles ends the program.
async function connect() {
  await null;
  throw new RangeError("no connection");
}

setTimeout(() => console.log("never"), 60_000);
connect();
console.log("started");
