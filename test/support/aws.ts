// Tables and a bucket of their own for whoever asks, on the servers that `npm run test:aws` has started.

import { createHash } from 'node:crypto';
import { inject } from 'vitest';
import { type AwsBackend, openAws } from '../../adapters/aws/open.ts';
import { provision } from '../../adapters/aws/provision.ts';
import type { AwsConfig } from '../../adapters/config.ts';

/** Where the servers listen. */
export interface AwsServers {
  readonly dynamodb: string;
  readonly s3: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    awsServers: AwsServers;
  }
}

/** Undefined unless the tests run by `npm run test:aws`. */
export const awsServers = (): AwsServers | undefined => inject('awsServers');

/** The same name gives the same tables and bucket. */
export function awsConfigOf(name: string): AwsConfig {
  const servers = awsServers();
  if (!servers) throw new Error('These tests run by `npm run test:aws` alone.');
  const short = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return {
    region: 'us-east-1',
    recordsTable: `test-${short}-records`,
    pagesTable: `test-${short}-pages`,
    bucket: `test-${short}`,
    endpoints: servers,
  };
}

export async function openTestAws(name: string, now?: () => number): Promise<AwsBackend> {
  const config = awsConfigOf(name);
  const backend = openAws(config, now);
  await provision(backend.clients, config);
  return backend;
}
