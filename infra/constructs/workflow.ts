// A workflow on Step Functions: the very text that one machine runs, with the addresses of Lambdas in place of its steps'
// names. Logs everything (the data are ids), traces, and raises an alarm when an execution does not succeed.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { stepNeeds, type WorkflowName } from '../needs.ts';
import { nameOf, type Tenant } from '../tenant.ts';
import { acknowledge } from './acknowledge.ts';
import { TenantFunction } from './function.ts';

export interface WorkflowProps {
  readonly tenant: Tenant;
  readonly name: WorkflowName;
  readonly receiptsKey: string;
}

const folder = join(import.meta.dirname, '..', '..', 'workflows');

/** The longest a Lambda may take; the texts give their tasks the same. */
const stepTimeout = Duration.minutes(15);

export class Workflow extends Construct {
  readonly machine: StateMachine;
  readonly steps: readonly TenantFunction[];

  constructor(scope: Construct, id: string, { tenant, name, receiptsKey }: WorkflowProps) {
    super(scope, id);
    const steps = Object.entries(stepNeeds[name]).map(([step, needs]) => {
      const lambda = new TenantFunction(this, step, {
        tenant,
        what: step,
        description: `A step of the workflow ${name}`,
        entry: `workflows/entries/${name}.ts`,
        handler: step,
        needs,
        timeout: stepTimeout,
        memoryMiB: 1_769,
        receiptsKey,
      });
      return [step, lambda] as const;
    });
    this.steps = steps.map(([, lambda]) => lambda);
    this.machine = new StateMachine(this, 'Machine', {
      stateMachineName: nameOf(tenant, name),
      definitionBody: DefinitionBody.fromString(readFileSync(join(folder, `${name}.asl.json`), 'utf8')),
      definitionSubstitutions: Object.fromEntries(steps.map(([step, lambda]) => [step, lambda.functionArn])),
      tracingEnabled: true,
      logs: {
        level: LogLevel.ALL,
        includeExecutionData: true,
        destination: new LogGroup(this, 'Log', {
          // Log groups of this prefix share one resource policy, which would otherwise outgrow its limit.
          logGroupName: `/aws/vendedlogs/states/${nameOf(tenant, name)}`,
          retention: tenant.logRetentionDays,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
      },
    });
    acknowledge(
      this.machine,
      'IAM5[Resource::*]',
      'The actions that deliver logs and traces know no resources; CDK grants them to the role of every state machine.',
    );
    this.machine.addToRolePolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: this.steps.map((step) => step.functionArn),
      }),
    );
  }
}
