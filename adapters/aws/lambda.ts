// All ports as a Lambda has them: everything is AWS', nothing is this machine's. Entries import this instead of
// `../open.ts`, so that no local adapter gets into a bundle.

import { randomBytes } from 'node:crypto';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { KMSClient } from '@aws-sdk/client-kms';
import { invariant } from '../../core/errors.ts';
import type { Ports, Tables } from '../../core/ports.ts';
import { readConfig } from '../config.ts';
import { AwsEvents } from './events.ts';
import { openAws, withTimeouts } from './open.ts';
import { AwsReceipts } from './receipts.ts';

/** Functions that never look into a table do without the codecs, a quarter of the code of those that do. */
const noTables = (): never => {
  throw new Error('This function was deployed without tables; see its entry.');
};
const none: Tables = { parse: noTables, rows: noTables, join: noTables };

export function lambdaPorts(tables: Tables = none): Ports {
  const config = readConfig();
  invariant(config.backend === 'aws', 'a Lambda is configured for AWS');
  const { region, eventBus, receiptsKey } = config.aws;
  const { records, pages, blobs, workflows } = openAws(config.aws);
  invariant(workflows && eventBus && receiptsKey, 'a Lambda knows its state machines, bus and key');
  const client = { region, ...withTimeouts(5_000) };
  return {
    records,
    pages,
    blobs,
    workflows,
    events: new AwsEvents(new EventBridgeClient(client), eventBus),
    receipts: new AwsReceipts(new KMSClient(client), receiptsKey),
    tables,
    now: Date.now,
    random: () => randomBytes(16),
    settings: { historySeconds: config.historySeconds, graceSeconds: config.graceSeconds },
  };
}
