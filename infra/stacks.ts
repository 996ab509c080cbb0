// From tenants to stacks: a pair each, that knows nothing of any other.

import { type App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { DataStack } from './data-stack.ts';
import { ServiceStack } from './service-stack.ts';
import { checkTenants, type Settings, wantedTenants } from './tenant.ts';
import { tenants } from './tenants.ts';

export interface TenantStacks {
  readonly data: DataStack;
  readonly service: ServiceStack;
}

export function addStacks(app: App, settings: readonly Settings[] = tenants): TenantStacks[] {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return wantedTenants(app, checkTenants(settings)).map((tenant) => {
    const data = new DataStack(app, tenant);
    const service = new ServiceStack(app, tenant, data.receiptsKey);
    service.addStackDependency(data);
    return { data, service };
  });
}
