// What a tenant's API is made of, and nothing that must be kept: it can be deleted and deployed again. It finds the data
// by name; only the ARN of the key is handed over.

import { type App, Duration, Stack } from 'aws-cdk-lib';
import { EventBus, Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as Invoke } from 'aws-cdk-lib/aws-events-targets';
import { workflows } from '../workflows/definitions.ts';
import { Api } from './constructs/api.ts';
import { TenantFunction } from './constructs/function.ts';
import { Watch } from './constructs/watch.ts';
import { Workflow } from './constructs/workflow.ts';
import { type Context, clockNeeds, contextNeeds, type WorkflowName } from './needs.ts';
import { environmentOf, nameOf, namesOf, type Tenant } from './tenant.ts';

/** An HTTP API gives up after 30 s; a function that ends before it answers why. */
const apiTimeout = Duration.seconds(29);

export class ServiceStack extends Stack {
  readonly #receiptsKey: string;

  /** `receiptsKey` is the ARN of the key in the data stack. */
  constructor(app: App, tenant: Tenant, receiptsKey: string) {
    super(app, nameOf(tenant, 'service'), {
      description: `Handout for ${tenant.name}: API, functions, workflows`,
      env: environmentOf(tenant),
      analyticsReporting: false,
      tags: { 'handout-tenant': tenant.name },
    });
    this.#receiptsKey = receiptsKey;
    const { bus } = namesOf(tenant);
    new EventBus(this, 'Bus', { eventBusName: bus });
    const functions = this.#contexts(tenant);
    const machines = this.#workflows(tenant);
    const clock = this.#clock(tenant);
    const api = new Api(this, 'Http', { tenant, functions });
    new Watch(this, 'Watch', {
      tenant,
      api,
      workflows: machines,
      functions: Object.values(functions),
      clock,
    });
  }

  #contexts(tenant: Tenant): Record<Context, TenantFunction> {
    const functions = Object.entries(contextNeeds).map(([context, needs]) => [
      context,
      new TenantFunction(this, context, {
        tenant,
        what: context,
        description: `The endpoints of ${context}`,
        entry: `functions/entries/${context}.ts`,
        needs,
        timeout: apiTimeout,
        receiptsKey: this.#receiptsKey,
      }),
    ]);
    return Object.fromEntries(functions);
  }

  #workflows(tenant: Tenant): Record<WorkflowName, Workflow> {
    const names = Object.keys(workflows) as WorkflowName[];
    return Object.fromEntries(
      names.map((name) => [
        name,
        new Workflow(this, `Workflow-${name}`, { tenant, name, receiptsKey: this.#receiptsKey }),
      ]),
    ) as Record<WorkflowName, Workflow>;
  }

  /** On AWS nothing boots, so the clock does what a boot does on one machine. */
  #clock(tenant: Tenant): TenantFunction {
    const clock = new TenantFunction(this, 'clock', {
      tenant,
      what: 'clock',
      description: 'Starts what was accepted and does not run, and the daily reclaim',
      entry: 'workflows/entries/clock.ts',
      needs: clockNeeds,
      timeout: Duration.minutes(1),
      memoryMiB: 256,
      receiptsKey: this.#receiptsKey,
    });
    new Rule(this, 'ClockRule', {
      ruleName: nameOf(tenant, 'clock'),
      schedule: Schedule.rate(Duration.minutes(5)),
      targets: [new Invoke(clock)],
    });
    return clock;
  }
}
