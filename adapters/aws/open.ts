// The ports that AWS provides. The clients retry nothing by themselves (see `retry.ts`) and give up on an answer in time
// for a retry. With endpoints of its own, any server that speaks the same protocols takes the place of AWS.

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import type { Blobs, Pages, Records, Workflows } from '../../core/ports.ts';
import type { AwsConfig } from '../config.ts';
import { AwsBlobs } from './blobs.ts';
import { AwsPages } from './pages.ts';
import { AwsRecords } from './records.ts';
import { AwsWorkflows } from './workflows.ts';

export interface AwsClients extends Disposable {
  readonly dynamodb: DynamoDBClient;
  readonly s3: S3Client;
  readonly stepFunctions: SFNClient;
}

export interface AwsBackend extends Disposable {
  readonly records: Records;
  readonly pages: Pages;
  readonly blobs: Blobs;
  /** Undefined when no state machines are named: something else has to run the workflows. */
  readonly workflows: Workflows | undefined;
  readonly clients: AwsClients;
}

export const withTimeouts = (requestTimeout: number) => ({
  maxAttempts: 1,
  requestHandler: { connectionTimeout: 2_000, requestTimeout, throwOnRequestTimeout: true },
});

const at = (endpoint: string | undefined) => (endpoint === undefined ? {} : { endpoint });

export function openClients({ region, endpoints }: Pick<AwsConfig, 'region' | 'endpoints'>): AwsClients {
  const dynamodb = new DynamoDBClient({ region, ...at(endpoints?.dynamodb), ...withTimeouts(5_000) });
  const s3 = new S3Client({
    region,
    ...at(endpoints?.s3),
    forcePathStyle: endpoints !== undefined,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...withTimeouts(20_000),
  });
  const stepFunctions = new SFNClient({ region, ...withTimeouts(5_000) });
  const destroy = () => {
    for (const client of [dynamodb, s3, stepFunctions]) client.destroy();
  };
  return { dynamodb, s3, stepFunctions, [Symbol.dispose]: destroy };
}

export function openAws(config: AwsConfig, now: () => number = Date.now): AwsBackend {
  const clients = openClients(config);
  const { dynamodb, s3, stepFunctions } = clients;
  const { recordsTable, pagesTable, bucket, stateMachines } = config;
  return {
    records: new AwsRecords(dynamodb, recordsTable),
    pages: new AwsPages(dynamodb, pagesTable),
    blobs: new AwsBlobs({ client: s3, name: bucket }, now),
    workflows: stateMachines === undefined ? undefined : new AwsWorkflows(stepFunctions, stateMachines),
    clients,
    [Symbol.dispose]: () => clients[Symbol.dispose](),
  };
}
