// What the server prints when it is ready: what just happened, and how to make the first request.

import type { DevelopmentIssuer } from '../../adapters/local/issuer.ts';
import { firstStudent, instructor, type Seeded } from './seed.ts';

export interface Welcome {
  readonly origin: string;
  readonly issuer: DevelopmentIssuer;
  readonly seeded: Seeded | undefined;
  readonly data: string;
}

const amount = (n: number, what: string): string => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;

function story({ space, imported, distribution, blobBytesCopied, milliseconds }: Seeded): string {
  const { progress, totals, payload = { entries: 0, bytes: 0 } } = distribution;
  return `
Course ${space}: ${amount(imported.files, 'file')} and ${amount(imported.tables, 'table')} imported.
Distribution ${distribution.id} is ${distribution.status}: ${amount(payload.entries, 'entry').replace('entrys', 'entries')} (${amount(payload.bytes, 'byte')})
  to ${amount(progress.done, 'target')} in ${milliseconds} ms, ${amount(totals.created, 'path')} created, ${amount(blobBytesCopied, 'byte')} copied, ${progress.failed} failed.
${imported.skipped.map((line) => `  left out: ${line}\n`).join('')}`;
}

export async function welcome({ origin, issuer, seeded, data }: Welcome): Promise<string> {
  const [teacher, student] = await Promise.all([
    issuer.issue(instructor, false),
    issuer.issue(firstStudent, false),
  ]);
  return `Handout keeps its data in ${data}.
${seeded ? story(seeded) : ''}
instructor token: ${teacher}
student token:    ${student}

Try:  curl -H "Authorization: Bearer ${student}" ${origin}/v1/me
Read: ${origin}/v1/docs
`;
}
