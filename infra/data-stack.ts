// What must outlive everything else: the tables, the bucket, the one role that may delete from it, the key of receipts. Retained when the
// stack goes, protected from deletion, never renamed: its resources are found by name (`tenant.ts`).

import { type App, RemovalPolicies, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { ContentBucket } from './constructs/content-bucket.ts';
import { DataTable } from './constructs/data-table.ts';
import { environmentOf, nameOf, namesOf, type Tenant } from './tenant.ts';

export class DataStack extends Stack {
  /** The ARN of the key that signs receipts: the one thing here whose name AWS makes up. */
  readonly receiptsKey: string;

  constructor(app: App, tenant: Tenant) {
    super(app, nameOf(tenant, 'data'), {
      description: `Handout for ${tenant.name}: tables and bucket`,
      env: environmentOf(tenant),
      terminationProtection: tenant.removal === 'retain',
      analyticsReporting: false,
      tags: { 'handout-tenant': tenant.name },
    });
    new DataTable(this, 'Records', { tenant, what: 'records' });
    new DataTable(this, 'Pages', { tenant, what: 'pages' });
    // Empty-handed: the steps of reclaim are given what they need where they are deployed. Here it only gets its name.
    const reclaim = new Role(this, 'Reclaim', {
      roleName: namesOf(tenant).reclaimRole,
      description: 'The only one who may delete versions of blobs',
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    });
    new ContentBucket(this, 'Content', { tenant, reclaim });
    this.receiptsKey = new Key(this, 'Receipts', {
      alias: nameOf(tenant, 'receipts'),
      description: 'Signs receipts of hand-ins',
      keySpec: KeySpec.ECC_NIST_P256,
      keyUsage: KeyUsage.SIGN_VERIFY,
    }).keyArn;
    // Everything, the policies of buckets and the role too: what is left behind stays as closed as it was.
    RemovalPolicies.of(this).apply(
      tenant.removal === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    );
  }
}
