export interface Shape {
  readonly kind: "square" | "circle";
  readonly size: number;
}

export enum Unit {
  Metre = "m",
}

export function area<T extends Shape>(shape: T): number {
  return shape.kind === "square" ? shape.size ** 2 : Math.round(Math.PI * shape.size ** 2);
}
