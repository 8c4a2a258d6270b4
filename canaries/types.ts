// TypeScript, with an import: what is only type must be gone, what has code must be there.
import { area, type Shape, Unit } from "./lib/shape.ts";

const shapes: Shape[] = [{ kind: "square", size: 3 }, { kind: "circle", size: 2 }];
console.log(shapes.map((shape) => `${area(shape)} ${Unit.Metre}²`).join(", "));
