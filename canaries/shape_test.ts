import { area } from "./lib/shape.ts";

Deno.test("area", () => {
  if (area({ kind: "square", size: 3 }) !== 9) throw new Error("wrong");
});

Deno.test("steps", async (context) => {
  await context.step("circle", () => {
    if (area({ kind: "circle", size: 2 }) !== 13) throw new Error("wrong");
  });
});
