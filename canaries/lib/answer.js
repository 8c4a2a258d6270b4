export const answer = 42;
export let live = 1;
export function raise() {
  live += 1;
}
