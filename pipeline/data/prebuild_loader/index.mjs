// The same for `import`.
import loader from './index.cjs';

export const { load, resolve, thisMachine, choose, PrebuildError } = loader;
export default loader;
