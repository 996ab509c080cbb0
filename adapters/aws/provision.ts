// Makes the tables and the bucket on a server that takes the place of AWS, where no stack is deployed. What is there
// already stays as it is, so this may run at every start.

import { CreateTableCommand, type DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, PutBucketVersioningCommand, type S3Client } from '@aws-sdk/client-s3';
import type { AwsConfig } from '../config.ts';
import type { AwsClients } from './open.ts';
import { asAwsError } from './retry.ts';
import { tables } from './schema.ts';

export async function provision({ dynamodb, s3 }: AwsClients, config: AwsConfig): Promise<void> {
  await Promise.all([
    createTable(dynamodb, config.recordsTable, tables.records),
    createTable(dynamodb, config.pagesTable, tables.pages),
    createBucket(s3, config.bucket),
  ]);
}

/** Success also when it is there already. */
async function unlessThere(create: Promise<unknown>): Promise<void> {
  await create.catch((error) => {
    if (!/ResourceInUse|BucketAlready/.test(asAwsError(error).name ?? '')) throw error;
  });
}

async function createTable(
  client: DynamoDBClient,
  TableName: string,
  keys: { readonly partitionKey: string; readonly sortKey?: string },
): Promise<void> {
  const names = [keys.partitionKey, ...(keys.sortKey === undefined ? [] : [keys.sortKey])];
  const command = new CreateTableCommand({
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: names.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
    KeySchema: names.map((AttributeName, i) => ({ AttributeName, KeyType: i === 0 ? 'HASH' : 'RANGE' })),
  });
  await unlessThere(client.send(command));
  await waitUntilTableExists({ client, maxWaitTime: 30, minDelay: 1 }, { TableName });
}

async function createBucket(client: S3Client, Bucket: string): Promise<void> {
  await unlessThere(client.send(new CreateBucketCommand({ Bucket })));
  await client.send(
    new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
  );
}
