// The storage of AWS behind a server on this machine. What is not configured there happens here: workflows run in this
// process, events stay in its directory, receipts are signed by its key.

import { randomBytes } from 'node:crypto';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { KMSClient } from '@aws-sdk/client-kms';
import type { Ports, Settings } from '../../core/ports.ts';
import type { AwsConfig } from '../config.ts';
import type { LocalEvents } from '../local/events.ts';
import { openMachine, type WorkflowSource } from '../local/machine.ts';
import type { LocalWorkflows } from '../local/workflows.ts';
import { tables } from '../tables/tables.ts';
import { AwsEvents } from './events.ts';
import { openAws, withTimeouts } from './open.ts';
import { provision } from './provision.ts';
import { AwsReceipts } from './receipts.ts';

export interface AwsMachineOptions {
  readonly aws: AwsConfig;
  readonly directory: string;
  readonly settings: Settings;
  readonly workflows: Readonly<Record<string, WorkflowSource>>;
  readonly now?: () => number;
}

export interface AwsMachine extends AsyncDisposable {
  readonly ports: Ports;
  /** Runs what Step Functions does not. */
  readonly workflows: LocalWorkflows;
  readonly events: LocalEvents;
  readonly secret: Uint8Array;
}

export async function openAwsMachine(options: AwsMachineOptions): Promise<AwsMachine> {
  const { aws, directory, settings, workflows, now = Date.now } = options;
  const { region, eventBus, receiptsKey } = aws;
  const storage = openAws(aws, now);
  if (aws.endpoints) await provision(storage.clients, aws);
  const machine = openMachine({ directory, workflows, ports: () => ports, now });
  const client = { region, ...withTimeouts(5_000) };
  const ports: Ports = {
    records: storage.records,
    pages: storage.pages,
    blobs: storage.blobs,
    workflows: storage.workflows ?? machine.workflows,
    events: eventBus ? new AwsEvents(new EventBridgeClient(client), eventBus) : machine.events,
    receipts: receiptsKey ? new AwsReceipts(new KMSClient(client), receiptsKey) : machine.receipts,
    tables,
    now,
    random: () => randomBytes(16),
    settings,
  };
  return {
    ports,
    workflows: machine.workflows,
    events: machine.events,
    secret: machine.secret,
    async [Symbol.asyncDispose]() {
      await machine[Symbol.asyncDispose]();
      storage[Symbol.dispose]();
    },
  };
}
