export const answer = await new Promise((resolve) => setTimeout(resolve, 5, 42));
export const { main } = import.meta;
