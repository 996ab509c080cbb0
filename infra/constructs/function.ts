// A Lambda function of a tenant: Node 24 on arm64, a log group that forgets in time, a role that starts with nothing but
// its log, and the tenant's names in the environment.

import { type Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { type IRole, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  ApplicationLogLevel,
  Architecture,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { env } from '../../adapters/config.ts';
import type { Needs } from '../needs.ts';
import { nameOf, namesOf, type Tenant } from '../tenant.ts';
import { codeOf } from './bundle.ts';
import { grantNeeds, machines } from './grants.ts';

export interface TenantFunctionProps {
  readonly tenant: Tenant;
  /** What comes after `handout-<tenant>-` in its name. */
  readonly what: string;
  readonly description: string;
  /** The file with the handler, below the repository's top. */
  readonly entry: string;
  /** @default 'handler' */
  readonly handler?: string;
  readonly needs: Needs;
  readonly timeout: Duration;
  /** Of memory; the share of a processor goes with it, a whole one at 1,769. @default 1024 */
  readonly memoryMiB?: number;
  readonly receiptsKey: string;
}

export class TenantFunction extends LambdaFunction {
  constructor(scope: Construct, id: string, props: TenantFunctionProps) {
    const {
      tenant,
      what,
      description,
      entry,
      handler = 'handler',
      needs,
      timeout,
      memoryMiB = 1_024,
    } = props;
    const functionName = nameOf(tenant, what);
    const logGroup = new LogGroup(scope, `${id}Log`, {
      logGroupName: `/handout/${tenant.name}/${what}`,
      retention: tenant.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role: IRole =
      needs.blobs === 'sweep'
        ? Role.fromRoleName(scope, `${id}Role`, namesOf(tenant).reclaimRole)
        : new Role(scope, `${id}Role`, {
            description: `Of the function ${functionName}`,
            assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
          });
    logGroup.grantWrite(role);
    super(scope, id, {
      functionName,
      description,
      code: codeOf(entry),
      handler: `index.${handler}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: memoryMiB,
      timeout,
      role,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      applicationLogLevelV2: ApplicationLogLevel.INFO,
      systemLogLevelV2: SystemLogLevel.WARN,
      environment: environmentOf(Stack.of(scope), tenant, props.receiptsKey),
    });
    grantNeeds(role, { tenant, needs, receiptsKey: props.receiptsKey });
  }
}

function environmentOf(stack: Stack, tenant: Tenant, receiptsKey: string): Record<string, string> {
  const { records, pages, bucket, bus } = namesOf(tenant);
  return {
    [env.backend]: 'aws',
    [env.recordsTable]: records,
    [env.pagesTable]: pages,
    [env.bucket]: bucket,
    [env.stateMachines]: machines(stack, tenant),
    [env.eventBus]: bus,
    [env.receiptsKey]: receiptsKey,
    [env.historySeconds]: String(tenant.historySeconds),
    [env.graceSeconds]: String(tenant.graceSeconds),
    NODE_OPTIONS: '--enable-source-maps',
  };
}
