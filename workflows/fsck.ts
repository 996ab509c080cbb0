// The steps of `fsck.asl.json`, by the names its Resources use. Each is a Lambda on AWS.

import * as z from 'zod';
import { findSpace } from '../core/ops/access.ts';
import { publish } from '../core/ops/events.ts';
import { checkSpace } from '../core/ops/fsck.ts';
import { eachSpace } from '../core/ops/holds.ts';
import { Damaged } from './damaged.ts';
import type { Steps } from './steps.ts';

/** Every blob is read in whole once in so many weeks. */
const weeks = 4;

const asked = z.object({ week: z.int() });
const one = asked.extend({ space: z.string() });
const all = z.object({ checked: z.array(z.object({ space: z.string(), damaged: z.int() })) });

export const fsckSteps: Steps = {
  fsckList: async (ports, input) => {
    const { week } = asked.parse(input);
    const spaces: z.output<typeof one>[] = [];
    for await (const { id } of eachSpace(ports, ports.now())) spaces.push({ space: id, week });
    return { spaces };
  },
  fsckCheck: async (ports, input) => {
    const { space: id, week } = one.parse(input);
    const space = await findSpace(ports, id);
    if (!space || space.deletedAt) return { space: id, damaged: 0 };
    const sample = { from: (week % weeks) / weeks, share: 1 / weeks };
    const { findings, touched } = await checkSpace(ports, space, sample);
    for (const finding of findings) console.error('damaged', id, finding);
    for (const state of touched) console.error('touched', id, state);
    if (findings.length > 0)
      await publish(ports, 'storage.damaged', { spaceId: id, damaged: findings.length }, week);
    return { space: id, damaged: findings.length };
  },
  fsckConclude: async (_, input) => {
    const damaged = all.parse(input).checked.filter((space) => space.damaged > 0);
    if (damaged.length > 0)
      throw new Damaged(`Something stored is damaged in ${damaged.map(({ space }) => space).join(', ')}.`);
    return {};
  },
};
