// What must outlive everything else: the tables, the bucket, and the one role that may delete from it. Retained when the
// stack goes, protected from deletion, never renamed: its resources are found by name (`tenant.ts`).

import { type App, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { ContentBucket } from './constructs/content-bucket.ts';
import { DataTable } from './constructs/data-table.ts';
import { nameOf, type Tenant } from './tenant.ts';

export class DataStack extends Stack {
  constructor(app: App, tenant: Tenant) {
    super(app, nameOf(tenant, 'data'), {
      description: `Handout for ${tenant.name}: tables and bucket`,
      env: { ...(tenant.account && { account: tenant.account }), ...(tenant.region && { region: tenant.region }) },
      terminationProtection: tenant.removal === 'retain',
      analyticsReporting: false,
      tags: { 'handout-tenant': tenant.name },
    });
    new DataTable(this, 'Records', { tenant, what: 'records' });
    new DataTable(this, 'Pages', { tenant, what: 'pages' });
    // Empty-handed: the steps of reclaim are given what they need where they are deployed. Here it only gets its name.
    const reclaim = new Role(this, 'Reclaim', {
      roleName: nameOf(tenant, 'reclaim'),
      description: 'The only one who may delete versions of blobs',
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    });
    new ContentBucket(this, 'Content', { tenant, reclaim });
  }
}
