// Pico.exit in a promise's handler, with work outstanding.
setInterval(() => console.log("never"), 60_000);
Pico.readTextFile(import.meta.filename).then(() => {
  console.log("leaving");
  Pico.exit();
});
