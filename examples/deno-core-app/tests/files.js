const path = `/tmp/deno-core-app-test-${performance.now()}.txt`;
await App.writeTextFile(path, "one\ntwo\u20ac\n");
console.log(await App.readTextFile(path), App.readTextFileSync(path).length);
App.removeSync(path);
for (const read of [App.readTextFile, async (name) => App.readTextFileSync(name)]) {
  try {
    await read("no/such/file.txt");
  } catch (error) {
    console.log(error.name, error.message);
  }
}
