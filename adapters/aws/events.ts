// Events on the tenant's bus of EventBridge, each a CloudEvent (1.0, structured) as the detail. A call takes at most ten
// and may take some and refuse the others: those are sent again. The `id` in the detail is the event's own; EventBridge
// gives every sending another one, so listeners tell repeats by ours.

import {
  EventBridgeClient,
  PutEventsCommand,
  type PutEventsRequestEntry,
  type PutEventsResultEntry,
} from '@aws-sdk/client-eventbridge';
import { invariant } from '../../core/errors.ts';
import type { Event, Events } from '../../core/ports.ts';
import type { AwsConfig } from '../config.ts';
import { withTimeouts } from './open.ts';
import { chunksOf, untilTaken } from './retry.ts';

const maxEntries = 10;
/** What sending again may change. */
const passing = new Set([undefined, 'InternalFailure', 'InternalException', 'ThrottlingException']);

export class AwsEvents implements Events {
  readonly #client: EventBridgeClient;
  readonly #bus: string;

  constructor(client: EventBridgeClient, bus: string) {
    this.#client = client;
    this.#bus = bus;
  }

  async publish(events: readonly Event[]): Promise<void> {
    for (const chunk of chunksOf(events, maxEntries))
      await untilTaken(chunk, async (work) => {
        const command = new PutEventsCommand({ Entries: work.map((event) => this.#entryOf(event)) });
        const { Entries = [] } = await this.#client.send(command);
        return work.filter((event, index) => !isTaken(event, Entries[index]));
      });
  }

  #entryOf({ id, type, time, data }: Event): PutEventsRequestEntry {
    const source = this.#bus;
    return {
      EventBusName: this.#bus,
      Source: source,
      DetailType: type,
      Time: new Date(time),
      Detail: JSON.stringify({ specversion: '1.0', id, source, type, time, data }),
    };
  }
}

function isTaken({ id, type }: Event, result: PutEventsResultEntry = {}): boolean {
  const { EventId, ErrorCode, ErrorMessage } = result;
  if (EventId !== undefined) return true;
  if (!passing.has(ErrorCode))
    throw new Error(`EventBridge refuses the event ${id} (${type}): ${ErrorCode}, ${ErrorMessage}`);
  return false;
}

export function openEvents({ region, eventBus }: AwsConfig): Events {
  invariant(eventBus, 'a bus is named');
  return new AwsEvents(new EventBridgeClient({ region, ...withTimeouts(5_000) }), eventBus);
}
