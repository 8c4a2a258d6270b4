// pico:path: paths as text, with forward slashes.

/** Resolves `.` and `..`, and doubled slashes, by name alone. */
export function normalize(path) {
  const absolute = path.startsWith("/");
  const parts = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!absolute) parts.push("..");
  }
  return (absolute ? "/" : "") + parts.join("/") || (absolute ? "/" : ".");
}

/** Joins and normalizes. */
export function join(...parts) {
  return normalize(parts.filter((part) => part !== "").join("/"));
}

/** The absolute path that the parts lead to from the working directory. */
export function resolve(...parts) {
  const start = parts.findLastIndex((part) => part.startsWith("/"));
  return start === -1 ? join(Pico.cwd(), ...parts) : join(...parts.slice(start));
}

/** All but the last part. */
export function dirname(path) {
  const trimmed = path.replace(/\/+$/, "");
  const end = trimmed.lastIndexOf("/");
  if (end === -1) return trimmed === "" && path !== "" ? "/" : ".";
  return trimmed.slice(0, end).replace(/\/+$/, "") || "/";
}

/** The last part, without `suffix` if it ends so. */
export function basename(path, suffix = "") {
  const name = path.replace(/\/+$/, "").split("/").at(-1);
  return suffix !== "" && name !== suffix && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
}

/** The last dot of the last part, and what follows. */
export function extname(path) {
  const name = basename(path);
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? "" : name.slice(dot);
}

/** The way from one path to another. */
export function relative(from, to) {
  const source = resolve(from).split("/").filter(Boolean);
  const target = resolve(to).split("/").filter(Boolean);
  let common = 0;
  while (common < source.length && source[common] === target[common]) common++;
  return [...source.slice(common).map(() => ".."), ...target.slice(common)].join("/");
}
