// The one way to declare an alarm. Its name ends with a heading of docs/runbook.md, which says what it means and what to
// do; a test holds the two together. Whoever the tenant names hears of it, and hears again when it is over.

import { Duration, Stack } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { nameOf, type Tenant } from '../tenant.ts';

export interface AlarmProps {
  /** A heading of docs/runbook.md. */
  readonly heading: string;
  readonly metric: IMetric;
  /** Raised at this value or above. */
  readonly threshold: number;
  /** How many of the last periods must be bad. @default 1 */
  readonly periods?: number;
}

export const alarmPeriod = Duration.minutes(5);

export class Alarms extends Construct {
  readonly #tenant: Tenant;
  readonly #action: SnsAction;

  constructor(scope: Construct, id: string, tenant: Tenant) {
    super(scope, id);
    this.#tenant = tenant;
    const topic = new Topic(this, 'Topic', { topicName: nameOf(tenant, 'alarms'), enforceSSL: true });
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AlarmsPublish',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    if (tenant.alarmMail) topic.addSubscription(new EmailSubscription(tenant.alarmMail));
    this.#action = new SnsAction(topic);
  }

  add(id: string, { heading, metric, threshold, periods = 1 }: AlarmProps): void {
    const alarm = new Alarm(this, id, {
      alarmName: `${nameOf(this.#tenant)}: ${heading}`,
      alarmDescription: `What to do: docs/runbook.md, "${heading}"`,
      metric,
      threshold,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: periods,
      datapointsToAlarm: periods,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(this.#action);
    alarm.addOkAction(this.#action);
  }
}
