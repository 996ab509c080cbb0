// `npm run test:aws`: the contracts of storage, the HTTP tests and shorter histories over `adapters/aws`, on servers that
// `test/aws/servers.ts` starts and stops.

import { defineConfig } from 'vitest/config';
import { accessKey, region, secretKey } from './test/aws/credentials.ts';

export default defineConfig({
  test: {
    include: ['test/aws/*.test.ts', 'test/http/*.test.ts', 'test/soak.test.ts'],
    globalSetup: ['test/aws/servers.ts'],
    env: { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, AWS_REGION: region },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
