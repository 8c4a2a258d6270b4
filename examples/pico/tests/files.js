// Reading and writing, at once and asynchronously, and what errors say.
import { deepEqual } from "pico:assert";

const directory = Pico.env.get("TMPDIR") ?? "/tmp";
const path = `${directory}/pico-test-${Date.now()}-${Math.random().toString(36).slice(2)}.txt`;
const text = "line one\nZwölf Boxkämpfer 😀\n";

Pico.writeTextFileSync(path, text);
console.log(Pico.readTextFileSync(path) === text);
const bytes = Pico.readFileSync(path);
console.log(bytes instanceof Uint8Array, bytes.length, new TextDecoder().decode(bytes) === text);

await Pico.writeTextFile(path, "second");
console.log(await Pico.readTextFile(path), await Pico.readFile(path));
const [a, b] = await Promise.all([Pico.readTextFile(path), Pico.readTextFile(import.meta.filename)]);
console.log(a, b.startsWith("// Reading and writing"));

const big = "0123456789".repeat(200_000);
await Pico.writeTextFile(path, big);
console.log((await Pico.readTextFile(path)).length);
Pico.removeSync(path);

const hide = (error) => `${error.code} ${error.message.replace(path, "PATH").replace("\0", "\\0")}`;
for (const action of [
  () => Pico.readTextFileSync(path),
  () => Pico.readTextFile(path),
  () => Pico.readFile(path),
  () => Pico.removeSync(path),
  () => Pico.writeTextFileSync(`${path}/x`, ""),
  () => Pico.readTextFileSync("/"),
  () => Pico.readTextFileSync("nul\0"),
  () => Pico.readTextFileSync(1),
  () => Pico.readTextFile(),
]) {
  try {
    await action();
    console.log("no error");
  } catch (error) {
    console.log(error instanceof Error, hide(error));
  }
}
deepEqual(typeof Pico.cwd(), "string");
