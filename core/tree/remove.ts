// Takes paths out of a state, whoever changed them since, and forgets that they were delivered. Copies that were put
// beside such a path go too, unless they were edited.

import { besideOf } from '../model/beside.ts';
import { ancestorsOf } from '../model/path.ts';
import type { Range } from '../model/scope.ts';
import type { Digest } from '../ports.ts';
import { copiesBeside } from './copies.ts';
import { type Delivery, DeliveryDraft } from './delivery.ts';
import type { ReadPage } from './reader.ts';
import { scan } from './walk.ts';

export async function remove(
  read: ReadPage,
  target: Digest,
  delivered: Digest,
  scope: readonly Range[],
): Promise<Delivery> {
  const draft = new DeliveryDraft(read, target, delivered);
  for (const range of scope) {
    for await (const { key } of scan(read, target, range)) draft.remove(key);
    for await (const { key } of scan(read, delivered, range)) {
      draft.deliver(key, undefined);
      for (const inTheWay of [undefined, ...ancestorsOf(key)])
        for await (const copy of copiesBeside(read, delivered, besideOf(key, inTheWay)))
          if (await draft.isUntouched(copy.key)) draft.remove(copy.key);
    }
  }
  return draft.finish();
}
