// Events on EventBridge: what is refused in part is sent again, and nothing else is. Mocked, to inject the faults.

import {
  EventBridgeClient,
  PutEventsCommand,
  type PutEventsCommandInput,
  type PutEventsCommandOutput,
} from '@aws-sdk/client-eventbridge';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, it } from 'vitest';
import { AwsEvents } from '../adapters/aws/events.ts';
import type { Event } from '../core/ports.ts';

const bridge = mockClient(EventBridgeClient);
const events = new AwsEvents(new EventBridgeClient({ region: 'eu-central-1' }), 'handout-lakeside');

const some = (count: number): Event[] =>
  Array.from({ length: count }, (_, nth) => ({
    id: `event-${nth}`,
    type: 'distribution.completed',
    time: '2026-11-23T10:00:00.000Z',
    data: { distributionId: `dst_${nth}` },
  }));

const answer = (...codes: (string | undefined)[]): PutEventsCommandOutput => ({
  $metadata: {},
  FailedEntryCount: codes.filter(Boolean).length,
  Entries: codes.map((ErrorCode, nth) => (ErrorCode ? { ErrorCode } : { EventId: `${nth}` })),
});

/** The ids that each call carried. */
const sent = (): string[][] =>
  bridge
    .commandCalls(PutEventsCommand)
    .map(({ args }) =>
      (args[0].input as PutEventsCommandInput).Entries!.map(({ Detail }) => JSON.parse(Detail!).id as string),
    );

beforeEach(() => bridge.reset());

it('sends ten at a time, as CloudEvents of the tenant', async () => {
  bridge
    .on(PutEventsCommand)
    .callsFake(({ Entries }: PutEventsCommandInput) => answer(...Entries!.map(() => undefined)));
  await events.publish(some(23));
  expect(sent().map((ids) => ids.length)).toEqual([10, 10, 3]);
  const [entry] = (bridge.commandCalls(PutEventsCommand)[0]!.args[0].input as PutEventsCommandInput).Entries!;
  expect(entry).toMatchObject({ EventBusName: 'handout-lakeside', DetailType: 'distribution.completed' });
  expect(JSON.parse(entry!.Detail!)).toEqual({
    specversion: '1.0',
    source: 'handout-lakeside',
    ...some(1)[0],
  });
});

it('sends again what was refused for the moment, and only that', async () => {
  bridge
    .on(PutEventsCommand)
    .resolvesOnce(answer(undefined, 'ThrottlingException', undefined, 'InternalFailure'))
    .resolvesOnce(answer('ThrottlingException', undefined))
    .resolves(answer(undefined));
  await events.publish(some(4));
  expect(sent()).toEqual([['event-0', 'event-1', 'event-2', 'event-3'], ['event-1', 'event-3'], ['event-1']]);
});

it('makes a call again that was throttled as a whole or whose answer was lost', async () => {
  bridge
    .on(PutEventsCommand)
    .rejectsOnce(Object.assign(new Error(), { name: 'ThrottlingException' }))
    .rejectsOnce(Object.assign(new Error(), { code: 'ECONNRESET' }))
    .resolves(answer(undefined));
  await events.publish(some(1));
  expect(sent()).toEqual([['event-0'], ['event-0'], ['event-0']]);
});

it('says so when the bus does not take an event at all', async () => {
  bridge.on(PutEventsCommand).resolves(answer(undefined, 'MalformedDetail'));
  await expect(events.publish(some(2))).rejects.toThrow(/event-1 .*MalformedDetail/);
});

it('gives up after some tries, and says that it is busy', async () => {
  bridge
    .on(PutEventsCommand)
    .callsFake(({ Entries }: PutEventsCommandInput) => answer(...Entries!.map(() => 'InternalFailure')));
  await expect(events.publish(some(1))).rejects.toMatchObject({ code: 'busy' });
});

it('sends nothing when nothing happened', async () => {
  await events.publish([]);
  expect(sent()).toEqual([]);
});
