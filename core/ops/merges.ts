// What a distribution, recall or undo makes of one target's state. Targets in the same state share one merge: its pages
// and its report are stored once, by the first of them.

import type { Distribution } from '../model/distribution.ts';
import type { InstanceEntry, State } from '../model/journal.ts';
import { keys, partitions } from '../model/keys.ts';
import type { Space } from '../model/space.ts';
import type { Counts } from '../model/strategy.ts';
import type { Digest, Ports } from '../ports.ts';
import { type DeliveryInput, deliver, forecast } from '../tree/deliver.ts';
import type { Delivery } from '../tree/delivery.ts';
import { readerOf } from '../tree/reader.ts';
import { remove } from '../tree/remove.ts';
import { type Pair, revert } from '../tree/revert.ts';
import { getDistribution } from './distribution-views.ts';
import { stateOf } from './journal.ts';
import { entryMadeBy } from './marks.ts';
import { Memo } from './memo.ts';
import { storeReport } from './reports.ts';

export interface Merged {
  readonly state: State;
  readonly counts: Counts;
  readonly report: Digest;
}

/** A merge that was not made yet: its name is the same for targets that share it. */
interface Merge {
  readonly name: string;
  readonly make: () => Promise<Delivery>;
}

const memoSize = 2_000;
const merges = new Memo<Merged>(memoSize);
const forecasts = new Memo<Digest>(memoSize);

/** The merge for a target at `head`, made and stored at most once for all targets alike. */
export async function mergeFor(
  ports: Ports,
  distribution: Distribution,
  instance: string,
  head: InstanceEntry,
): Promise<Merged> {
  const { name, make } = await mergeOf(ports, distribution, instance, head);
  return merges.once(ports, name, async () => {
    const delivery = await make();
    if (delivery.pages.length > 0) await ports.pages.putMany(delivery.pages);
    const report = await storeReport(ports, distribution.id, delivery);
    return { state: stateOf(delivery), counts: delivery.counts, report };
  });
}

/** The report of what a distribution would do to a target at `head`: no one gets to have the state, so none is made. */
export const forecastFor = (ports: Ports, given: Given, head: InstanceEntry): Promise<Digest> =>
  forecasts.once(ports, nameOf(given, head), async () =>
    storeReport(ports, given.id, await forecast(readerOf(ports.pages), deliveryOf(given, head))),
  );

export type Given = Extract<Distribution, { kind: 'distribution' }>;

const nameOf = ({ id }: Distribution, { root, delivered }: State): string => `${id} ${root} ${delivered}`;

const deliveryOf = (
  { payload, strategies, createdAt }: Given,
  { root, delivered }: State,
): DeliveryInput => ({
  base: delivered,
  payload: payload.root,
  target: root,
  scope: payload.scope,
  strategies,
  day: createdAt.slice(0, 10),
});

async function mergeOf(
  ports: Ports,
  distribution: Distribution,
  instance: string,
  head: InstanceEntry,
): Promise<Merge> {
  const read = readerOf(ports.pages);
  const name = nameOf(distribution, head);
  if (distribution.kind === 'recall')
    return { name, make: () => remove(read, head.root, head.delivered, distribution.scope) };
  if (distribution.kind === 'undo') {
    const { before, after } = await changeToUndo(ports, distribution, instance, head);
    const around = `${before.root} ${before.delivered} ${after.root} ${after.delivered}`;
    return { name: `${name} ${around}`, make: () => revert(read, before, after, head) };
  }
  return { name, make: () => deliver(read, deliveryOf(distribution, head)) };
}

/**
 * The states around what a distribution did to an instance: to itself, or to Distributed if the instance began with it
 * from there. An instance that was not touched has nothing to undo.
 */
export async function changeToUndo(
  ports: Ports,
  { undoes }: Extract<Distribution, { kind: 'undo' }>,
  instance: string,
  head: InstanceEntry,
): Promise<{ before: Pair; after: Pair }> {
  const undone = await getDistribution(ports, undoes);
  const own = await changeOf(ports, undone, instance);
  if (own) return own;
  const first = (await ports.records.get<InstanceEntry>(keys.journal(partitions.instance(instance), 1)))
    ?.value;
  const origin = first?.details as { from?: { instance: string; version: number } } | undefined;
  const { distributedInstanceId } = (await ports.records.get<Space>(keys.space(undone.spaceId)))!.value;
  if (distributedInstanceId && origin?.from?.instance === distributedInstanceId) {
    const given = await changeOf(ports, undone, distributedInstanceId);
    if (given && given.after.sequence <= origin.from.version) return given;
  }
  return { before: head, after: head };
}

async function changeOf(
  ports: Ports,
  distribution: Distribution,
  instance: string,
): Promise<{ before: InstanceEntry; after: InstanceEntry } | undefined> {
  const after = await entryMadeBy(ports, distribution, instance);
  if (!after) return undefined;
  const key = keys.journal(partitions.instance(instance), after.sequence - 1);
  return { before: (await ports.records.get<InstanceEntry>(key))!.value, after };
}
