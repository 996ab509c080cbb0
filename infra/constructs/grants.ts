// From what a function needs to what its role may: single actions on the tenant's own things. The only wildcards stand for
// the objects of an area of the bucket, and the executions of a workflow.

import { ArnFormat, Stack } from 'aws-cdk-lib';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { areas } from '../../adapters/aws/schema.ts';
import type { Needs } from '../needs.ts';
import { nameOf, namesOf, type Tenant } from '../tenant.ts';
import { acknowledge, readable } from './acknowledge.ts';

export interface Granting {
  readonly tenant: Tenant;
  readonly needs: Needs;
  /** The ARN of the key that signs receipts. */
  readonly receiptsKey: string;
}

type Area = keyof typeof areas;

/** A transaction is allowed by the actions of its items. */
const recordActions = ({ records }: Needs): string[] => [
  ...['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'],
  ...(records === 'write' ? ['dynamodb:PutItem', 'dynamodb:DeleteItem', 'dynamodb:ConditionCheckItem'] : []),
];

/** Pages are put and never changed; condemning and deleting them is reclaim's. */
const pageActions = ({ pages }: Needs): string[] => {
  const reading = ['dynamodb:GetItem', 'dynamodb:BatchGetItem'];
  if (pages === undefined) return [];
  if (pages === 'sweep') return ['dynamodb:DeleteItem'];
  if (pages === 'mark') return [...reading, 'dynamodb:Scan', 'dynamodb:UpdateItem'];
  return pages === 'write' ? [...reading, 'dynamodb:BatchWriteItem'] : reading;
};

const readingObjects = ['s3:GetObject', 's3:GetObjectVersion'];

const blobActions: Record<NonNullable<Needs['blobs']> | 'none', string[]> = {
  none: [],
  read: readingObjects,
  write: [...readingObjects, 's3:PutObject'],
  mark: readingObjects,
  sweep: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
};

/** A signed URL can do what its signer may, so these are the rights of clients too, one object at a time. */
const areaActions = ({ blobs, uploads, downloads }: Needs): Record<Area, string[]> => ({
  blobs: blobActions[blobs ?? 'none'],
  uploads: uploads ? [...readingObjects, 's3:PutObject', 's3:DeleteObject'] : [],
  assembled: downloads ? [...readingObjects, 's3:PutObject', 's3:AbortMultipartUpload'] : [],
});

const areaReason =
  'Objects of an area are named as they come (by digest, by upload); the area is one prefix of one bucket of one tenant.';

const executionReason =
  'Executions are named after the work they do; these are those of one workflow of one tenant.';

export function grantNeeds(role: IRole, { tenant, needs, receiptsKey }: Granting): void {
  const stack = Stack.of(role);
  const names = namesOf(tenant);
  const allow = (actions: string[], ...resources: string[]) => {
    if (actions.length > 0) role.addToPrincipalPolicy(new PolicyStatement({ actions, resources }));
  };
  const arn = (service: string, resource: string, resourceName: string) =>
    stack.formatArn({ service, resource, resourceName });
  allow(recordActions(needs), arn('dynamodb', 'table', names.records));
  allow(pageActions(needs), arn('dynamodb', 'table', names.pages));
  const bucket = stack.formatArn({ service: 's3', region: '', account: '', resource: names.bucket });
  for (const [area, actions] of Object.entries(areaActions(needs)) as [Area, string[]][]) {
    const objects = `${bucket}/${areas[area]}*`;
    allow(actions, objects);
    if (actions.length > 0)
      acknowledge(role, `IAM5[Resource::${readable(stack.resolve(objects))}]`, areaReason);
  }
  // Without it S3 says "forbidden" where the truth is "not there".
  if (needs.blobs && needs.blobs !== 'sweep') allow(['s3:ListBucket'], bucket);
  if (needs.blobs === 'mark') allow(['s3:ListBucketVersions'], bucket);
  if (needs.events) allow(['events:PutEvents'], arn('events', 'event-bus', names.bus));
  if (needs.receipts) allow(['kms:Sign', 'kms:GetPublicKey'], receiptsKey);
  if (needs.starts)
    allow(['states:StartExecution'], ...needs.starts.map((name) => machines(stack, tenant) + name));
  for (const name of needs.follows ?? []) {
    const executions = `${machines(stack, tenant).replace(':stateMachine:', ':execution:')}${name}:*`;
    allow(['states:DescribeExecution'], executions);
    acknowledge(role, `IAM5[Resource::${readable(stack.resolve(executions))}]`, executionReason);
  }
}

/** What the ARNs of a tenant's state machines begin with; the name of the workflow follows. */
export const machines = (stack: Stack, tenant: Tenant): string =>
  stack.formatArn({
    service: 'states',
    resource: 'stateMachine',
    resourceName: nameOf(tenant, ''),
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
