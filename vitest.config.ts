import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // These need the servers that `npm run test:aws` starts.
    exclude: [...configDefaults.exclude, 'test/aws/{contracts,lost-answers,server}.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two files at a time is what a laptop with two cores carries without timing itself out.
    maxWorkers: 2,
  },
});
