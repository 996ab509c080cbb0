// A DynamoDB table that pays by request, can be brought back to any second of the last 35 days, and cannot be deleted by
// mistake. Encrypted with the key that AWS owns: no charge, no key policy (docs/decisions/0010).

import { AttributeType, Billing, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { tables } from '../../adapters/aws/schema.ts';
import { nameOf, type Tenant } from '../tenant.ts';

export interface DataTableProps {
  readonly tenant: Tenant;
  readonly what: keyof typeof tables;
}

const key = (name: string) => ({ name, type: AttributeType.STRING });

export class DataTable extends Construct {
  constructor(scope: Construct, id: string, { tenant, what }: DataTableProps) {
    super(scope, id);
    const { partitionKey, sortKey } = { sortKey: undefined, ...tables[what] };
    new TableV2(this, 'Table', {
      tableName: nameOf(tenant, what),
      partitionKey: key(partitionKey),
      ...(sortKey && { sortKey: key(sortKey) }),
      billing: Billing.onDemand(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: tenant.removal === 'retain',
    });
  }
}
