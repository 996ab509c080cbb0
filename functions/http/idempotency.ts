// `Idempotency-Key`: the same key and body give the same answer. The first try claims the key before it does anything;
// a repeat makes the same ids again, so that what a cut-off try did is found and not done twice.

import { AppError, badInput, isCode } from '../../core/errors.ts';
import type { Actor } from '../../core/model/access.ts';
import { keys } from '../../core/model/keys.ts';
import { type Call, seededCall } from '../../core/ops/call.ts';
import { inParallel, untilSettled } from '../../core/ops/retry.ts';
import type { Digest, Ports, RecordKey } from '../../core/ports.ts';
import { digestOf } from '../../core/tree/digest.ts';
import type { Answer } from './endpoint.ts';

interface Claim {
  readonly request: string;
  readonly at: number;
  readonly answer?: Answer;
  /** An answer that is too long for a record lies beside it in parts, named by the digest of its text. */
  readonly longAnswer?: { readonly digest: Digest; readonly parts: number };
}

const lifeMs = 24 * 60 * 60 * 1_000;
const maxKeyLength = 200;
/** In characters, of up to three bytes each: a record takes 400 KB. */
const mostInRecord = 100_000;

export async function withIdempotency(
  ports: Ports,
  actor: Actor,
  idempotencyKey: string,
  request: { readonly route: string; readonly params: unknown; readonly bytes: Uint8Array },
  run: (call: Call) => Promise<Answer>,
): Promise<Answer> {
  if (idempotencyKey === '' || idempotencyKey.length > maxKeyLength)
    throw badInput('Idempotency-Key', `The key has 1 to ${maxKeyLength} characters.`);
  const key = keys.request(actor.user, idempotencyKey);
  const claim = await claimKey(ports, key, digestOf([request.route, request.params, request.bytes]));
  const known = await answerOf(ports, key, claim);
  if (known) return known;
  const seed = `${actor.user} ${idempotencyKey} ${claim.at}`;
  return settle(ports, key, await run(seededCall(ports, actor, seed, claim.at)));
}

async function answerOf(ports: Ports, key: RecordKey, claim: Claim): Promise<Answer | undefined> {
  if (!claim.longAnswer) return claim.answer;
  const { digest, parts } = claim.longAnswer;
  const numbers = Array.from({ length: parts }, (_, part) => part);
  const texts = await inParallel(numbers, 8, (part) => ports.records.get<string>(partKey(key, digest, part)));
  return JSON.parse(texts.map((text) => text!.value).join('')) as Answer;
}

const partKey = ({ partition }: RecordKey, digest: Digest, part: number): RecordKey =>
  keys.answerPart(partition, digest, part);

/** What a claim keeps of an answer. */
async function kept(ports: Ports, key: RecordKey, answer: Answer): Promise<Partial<Claim>> {
  const text = JSON.stringify(answer);
  if (text.length <= mostInRecord) return { answer };
  const digest = digestOf(text);
  const parts = Math.ceil(text.length / mostInRecord);
  for (let part = 0; part < parts; part++) {
    const value = text.slice(part * mostInRecord, (part + 1) * mostInRecord);
    await ports.records.write([{ put: partKey(key, digest, part), value }]);
  }
  return { longAnswer: { digest, parts } };
}

/** Keeps the answer of a claim. Of two tries at the same time the first to come here answers for both. */
async function settle(ports: Ports, key: RecordKey, answer: Answer): Promise<Answer> {
  const keeping = await kept(ports, key, answer);
  return untilSettled(async () => {
    const { value: claim, revision } = (await ports.records.get<Claim>(key))!;
    const first = await answerOf(ports, key, claim);
    if (first) return first;
    await ports.records.write([
      { put: key, value: { ...claim, ...keeping } satisfies Claim, if: { revision } },
    ]);
    return answer;
  });
}

async function claimKey(ports: Ports, key: RecordKey, request: string): Promise<Claim> {
  const now = ports.now();
  const before = await ports.records.get<Claim>(key);
  if (before && before.value.at + lifeMs > now) {
    if (before.value.request !== request)
      throw new AppError('key-reused', 'Use a new Idempotency-Key for another request.');
    return before.value;
  }
  const claim: Claim = { request, at: now };
  try {
    await ports.records.write([
      { put: key, value: claim, if: before ? { revision: before.revision } : 'absent' },
    ]);
  } catch (error) {
    if (isCode(error, 'conflict')) return claimKey(ports, key, request);
    throw error;
  }
  return claim;
}
