// Every endpoint, by bounded context: one Lambda each on AWS, one server on one machine. What a context gathers here, its
// entry in `entries/` gathers too, so that a Lambda has no code but its own; a test holds the two together.

import { assignments } from './assignments.ts';
import { content } from './content.ts';
import { distributions } from './distributions.ts';
import { handIns } from './hand-ins.ts';
import type { Context, Endpoint } from './http/endpoint.ts';
import { plans } from './plans.ts';
import { reclaims } from './reclaims.ts';
import { retention } from './retention.ts';
import { service } from './service.ts';
import { snapshots } from './snapshots.ts';
import { spaces } from './spaces.ts';
import { stage } from './stage.ts';
import { storage } from './storage.ts';
import { tablesAndApps } from './tables.ts';

export const routes: Readonly<Record<Context, readonly Endpoint[]>> = {
  service: service(() => endpoints),
  spaces: [...spaces, ...retention],
  content: [...content, ...tablesAndApps],
  snapshots,
  storage: [...storage, ...reclaims],
  distributions: [...stage, ...plans, ...distributions],
  assignments: [...assignments, ...handIns],
};

export const endpoints: readonly Endpoint[] = Object.values(routes).flat();
