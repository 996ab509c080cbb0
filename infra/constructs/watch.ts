// What is watched: the alarms of a tenant, and a dashboard of the same numbers. Alarms stand for what a person must act
// on; what heals itself (a retried step, a throttled write that went through) is on the dashboard only.

import {
  Dashboard,
  GraphWidget,
  type IMetric,
  MathExpression,
  Metric,
  Stats,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { nameOf, namesOf, type Tenant } from '../tenant.ts';
import { Alarms, alarmPeriod } from './alarms.ts';
import type { Api } from './api.ts';
import type { Workflow } from './workflow.ts';

export interface WatchProps {
  readonly tenant: Tenant;
  readonly api: Api;
  readonly workflows: Readonly<Record<string, Workflow>>;
  /** Of the API. */
  readonly functions: readonly IFunction[];
  readonly clock: IFunction;
}

const period = alarmPeriod;
const every = { period, statistic: Stats.SUM };

/** One line for many: their sum. */
function sumOf(label: string, metrics: readonly IMetric[]): MathExpression {
  const usingMetrics = Object.fromEntries(metrics.map((metric, index) => [`m${index}`, metric]));
  return new MathExpression({
    expression: Object.keys(usingMetrics).join(' + '),
    usingMetrics,
    label,
    period,
  });
}

const ofTable = (tableName: string, metricName: string, label: string): Metric =>
  new Metric({
    namespace: 'AWS/DynamoDB',
    metricName,
    dimensionsMap: { TableName: tableName },
    label,
    ...every,
  });

export class Watch extends Construct {
  constructor(scope: Construct, id: string, props: WatchProps) {
    super(scope, id);
    addAlarms(new Alarms(this, 'Alarms', props.tenant), props);
    addDashboard(this, props);
  }
}

function addAlarms(alarms: Alarms, { tenant, api, workflows, functions, clock }: WatchProps): void {
  const { records, pages } = namesOf(tenant);
  const throttles = ['ReadThrottleEvents', 'WriteThrottleEvents'].flatMap((name) =>
    [records, pages].map((table) => ofTable(table, name, `${table} ${name}`)),
  );
  alarms.add('ServerErrors', {
    heading: 'The API answers 5xx',
    metric: api.stage.metricServerError(every),
    threshold: 5,
  });
  alarms.add('Throttled', {
    heading: 'The API turns calls away',
    metric: sumOf(
      'turned away',
      functions.map((lambda) => lambda.metricThrottles(every)),
    ),
    threshold: 1,
    periods: 2,
  });
  alarms.add('TablesThrottled', {
    heading: 'Tables turn calls away',
    metric: sumOf('turned away', throttles),
    threshold: 100,
    periods: 3,
  });
  for (const [name, { machine }] of Object.entries(workflows))
    alarms.add(`Workflow-${name}`, {
      heading: `The workflow ${name} failed`,
      metric: sumOf('failed', [machine.metricFailed(every), machine.metricTimedOut(every)]),
      threshold: 1,
    });
  alarms.add('Clock', {
    heading: 'Accepted work may not start',
    metric: clock.metricErrors(every),
    threshold: 1,
    periods: 3,
  });
}

function addDashboard(scope: Construct, props: WatchProps): void {
  const { tenant, api, workflows, clock } = props;
  const { records, pages } = namesOf(tenant);
  const steps = Object.values(workflows).flatMap((workflow) => workflow.steps);
  const functions = [...props.functions, ...steps, clock];
  const machines = Object.values(workflows).map(({ machine }) => machine);
  const graph = (title: string, ...left: IMetric[]) => new GraphWidget({ title, left, width: 8 });
  const latency = (statistic: string) => api.stage.metricLatency({ period, statistic, label: statistic });
  const consumed = (table: string) =>
    ['ConsumedReadCapacityUnits', 'ConsumedWriteCapacityUnits'].map((name) => ofTable(table, name, name));
  new Dashboard(scope, 'Dashboard', {
    dashboardName: nameOf(tenant),
    widgets: [
      [
        graph('Requests', api.stage.metricCount(every)),
        // Waiting for a distribution to move is a request that takes up to 20 s: look at the median first.
        graph('Latency', latency(Stats.p(50)), latency(Stats.p(95))),
        graph('Answers 4xx and 5xx', api.stage.metricClientError(every), api.stage.metricServerError(every)),
      ],
      [
        graph('Functions: errors', ...functions.map((lambda) => lambda.metricErrors(every))),
        graph(
          'Functions: duration',
          ...functions.map((lambda) => lambda.metricDuration({ period, statistic: Stats.p(95) })),
        ),
        graph('Functions: turned away', ...functions.map((lambda) => lambda.metricThrottles(every))),
      ],
      [
        graph('Workflows: started', ...machines.map((machine) => machine.metricStarted(every))),
        graph('Workflows: failed', ...machines.map((machine) => machine.metricFailed(every))),
        graph('Table of records', ...consumed(records)),
      ],
      [graph('Table of pages', ...consumed(pages))],
    ],
  });
}
