import { live } from "./answer.js";

export default (name) => `${name}:${live}`;
