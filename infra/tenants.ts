// The campuses, and what is particular to each: the one file that an administrator edits (docs/deploy.md). Every tenant
// becomes a pair of stacks of its own. What may be said, and what holds where nothing is said: `tenant.ts`.

import type { Settings } from './tenant.ts';

export const tenants: readonly Settings[] = [
  {
    name: 'lakeside',
    issuer: 'https://login.lakeside.example/realms/campus',
    audience: ['handout'],
    alarmMail: 'handout-alarms@lakeside.example',
  },
  {
    name: 'hilltop',
    issuer: 'https://id.hilltop.example/oauth2',
    audience: ['handout-api'],
    origins: ['https://courses.hilltop.example'],
    logRetentionDays: 30,
  },
];
