export let value = 1;
export const increment = () => {
  value += 1;
};
export default "counter";
