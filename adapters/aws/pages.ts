// Tree pages in a DynamoDB table of their own: `hash` and `bytes`. A page never changes, so it is read at half the price
// where any replica has it, and asked of the leader only when that replica does not know it yet.

import {
  type AttributeValue,
  BatchGetItemCommand,
  BatchWriteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
} from '@aws-sdk/client-dynamodb';
import { AppError } from '../../core/errors.ts';
import { inParallel } from '../../core/ops/retry.ts';
import type { Digest, PageBytes, Pages } from '../../core/ports.ts';
import { chunksOf, retrying, untilTaken } from './retry.ts';

type Item = Record<string, AttributeValue>;

const maxReads = 100;
const maxWrites = 25;
const callsAtOnce = 8;

const keyOf = (hash: Digest): Item => ({ hash: { S: hash } });
const pageOf = ({ hash, bytes }: Item): PageBytes => ({ hash: hash!.S!, bytes: bytes!.B! });
const missing = (hash: Digest): AppError => new AppError('damaged', `Page ${hash} is missing.`);

export class AwsPages implements Pages {
  readonly #client: DynamoDBClient;
  readonly #table: string;

  constructor(client: DynamoDBClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  async get(hash: Digest): Promise<Uint8Array> {
    for (const ConsistentRead of [false, true]) {
      const command = new GetItemCommand({ TableName: this.#table, Key: keyOf(hash), ConsistentRead });
      const { Item: item } = await retrying(() => this.#client.send(command));
      if (item) return pageOf(item).bytes;
    }
    throw missing(hash);
  }

  async getMany(hashes: readonly Digest[]): Promise<PageBytes[]> {
    const found = new Map<Digest, PageBytes>();
    for (const consistent of [false, true]) {
      const wanted = [...new Set(hashes)].filter((hash) => !found.has(hash));
      for (const page of await this.#read(wanted, consistent)) found.set(page.hash, page);
    }
    return hashes.map((hash) => {
      const page = found.get(hash);
      if (!page) throw missing(hash);
      return page;
    });
  }

  async putMany(pages: readonly PageBytes[]): Promise<void> {
    const different = new Map(pages.map((page) => [page.hash, page]));
    const requests = [...different.values()].map(({ hash, bytes }) => ({
      PutRequest: { Item: { ...keyOf(hash), bytes: { B: bytes } } },
    }));
    await inParallel(chunksOf(requests, maxWrites), callsAtOnce, (chunk) =>
      untilTaken(chunk, async (work) => {
        const RequestItems = { [this.#table]: [...work] };
        const { UnprocessedItems } = await this.#client.send(new BatchWriteItemCommand({ RequestItems }));
        return (UnprocessedItems?.[this.#table] ?? []) as typeof chunk;
      }),
    );
  }

  async #read(hashes: readonly Digest[], ConsistentRead: boolean): Promise<PageBytes[]> {
    const found: PageBytes[] = [];
    await inParallel(chunksOf(hashes.map(keyOf), maxReads), callsAtOnce, (chunk) =>
      untilTaken(chunk, async (keys) => {
        const RequestItems = { [this.#table]: { Keys: [...keys], ConsistentRead } };
        const answer = await this.#client.send(new BatchGetItemCommand({ RequestItems }));
        for (const item of answer.Responses?.[this.#table] ?? []) found.push(pageOf(item));
        return answer.UnprocessedKeys?.[this.#table]?.Keys ?? [];
      }),
    );
    return found;
  }
}
