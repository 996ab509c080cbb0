// The ports of a Lambda: everything is AWS', nothing is this machine's. Entries import this instead of `../open.ts`, so
// that no local adapter gets into a bundle, and bring along what only some functions need.

import { randomBytes } from 'node:crypto';
import { invariant } from '../../core/errors.ts';
import type { Events, Ports, Receipts, Tables } from '../../core/ports.ts';
import { type AwsConfig, readConfig } from '../config.ts';
import { openAws } from './open.ts';

/** Ports with a client or codecs of their own; a function without them stays smaller and starts sooner. */
export interface Extras {
  readonly tables?: Tables;
  readonly events?: (config: AwsConfig) => Events;
  readonly receipts?: (config: AwsConfig) => Receipts;
}

export function lambdaPorts({ tables, events, receipts }: Extras = {}): Ports {
  const config = readConfig();
  invariant(config.backend === 'aws', 'a Lambda is configured for AWS');
  const { records, pages, blobs, workflows } = openAws(config.aws);
  invariant(workflows, 'a Lambda knows its state machines');
  return {
    records,
    pages,
    blobs,
    workflows,
    events: events?.(config.aws) ?? absent('events'),
    receipts: receipts?.(config.aws) ?? absent('receipts'),
    tables: tables ?? absent('tables'),
    now: Date.now,
    random: () => randomBytes(16),
    settings: { historySeconds: config.historySeconds, graceSeconds: config.graceSeconds },
  };
}

const absent = <T extends object>(port: keyof Extras): T =>
  new Proxy({} as T, {
    get: () => {
      throw new Error(`This function was bundled without ${port}: its entry has to bring them.`);
    },
  });
