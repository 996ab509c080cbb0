// `npm run soak -- 100000`: so many operations of `test/soak.test.ts`, by a seed that no run had before unless `SOAK_SEED`
// names one.

import { startVitest } from 'vitest/node';

const { SOAK_SEED = String(Date.now() % 1_000_000_000), SOAK_OPERATIONS = '100000' } = process.env;
const [operations = SOAK_OPERATIONS] = process.argv.slice(2);
const env = { SOAK_SEED, SOAK_OPERATIONS: operations };
await startVitest('test', ['test/soak.test.ts'], { watch: false, env });
