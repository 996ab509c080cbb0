// Tree pages in a DynamoDB table of their own: `hash`, `bytes`, and `condemnedAt` while reclaim has condemned it (putting
// an item replaces it, and so lifts that mark). A page never changes, so it is read at half the price
// where any replica has it, and asked of the leader only when that replica does not know it yet.

import {
  type AttributeValue,
  BatchGetItemCommand,
  BatchWriteItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { AppError } from '../../core/errors.ts';
import { inParallel } from '../../core/ops/retry.ts';
import type { Digest, ListedPage, PageBytes, Pages } from '../../core/ports.ts';
import { asAwsError, chunksOf, retrying, untilTaken } from './retry.ts';

type Item = Record<string, AttributeValue>;

const maxReads = 100;
const maxWrites = 25;
const callsAtOnce = 8;
/** Of calls that take one page each. */
const singlesAtOnce = 32;
const isRefused = (error: unknown): boolean => asAwsError(error).name === 'ConditionalCheckFailedException';

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

  /** Costs what reading the listed part of the table costs, for DynamoDB charges whole items. */
  async list(after?: Digest, limit = 1_000): Promise<ListedPage[]> {
    const found: ListedPage[] = [];
    for (let from = after === undefined ? undefined : keyOf(after); ; ) {
      const command = new ScanCommand({
        TableName: this.#table,
        ProjectionExpression: '#hash, condemnedAt',
        ExpressionAttributeNames: { '#hash': 'hash' },
        ConsistentRead: true,
        Limit: limit - found.length,
        ...(from && { ExclusiveStartKey: from }),
      });
      const { Items = [], LastEvaluatedKey } = await retrying(() => this.#client.send(command));
      for (const { hash, condemnedAt } of Items)
        found.push({ hash: hash!.S!, ...(condemnedAt && { condemnedAt: Number(condemnedAt.N) }) });
      if (!LastEvaluatedKey || found.length >= limit) return found;
      from = LastEvaluatedKey;
    }
  }

  async condemn(hashes: readonly Digest[], at: number): Promise<void> {
    await this.#one(hashes, (hash) => ({
      Key: keyOf(hash),
      UpdateExpression: 'SET condemnedAt = :at',
      ConditionExpression: 'attribute_exists(#hash) AND attribute_not_exists(condemnedAt)',
      ExpressionAttributeNames: { '#hash': 'hash' },
      ExpressionAttributeValues: { ':at': { N: String(at) } },
    }));
  }

  async rescue(hashes: readonly Digest[]): Promise<void> {
    await this.#one(hashes, (hash) => ({
      Key: keyOf(hash),
      UpdateExpression: 'REMOVE condemnedAt',
      ConditionExpression: 'attribute_exists(condemnedAt)',
    }));
  }

  async deleteCondemned(hashes: readonly Digest[], until: number): Promise<Digest[]> {
    const gone = await inParallel(hashes, singlesAtOnce, async (hash) => {
      const command = new DeleteItemCommand({
        TableName: this.#table,
        Key: keyOf(hash),
        ConditionExpression: 'attribute_not_exists(#hash) OR condemnedAt <= :until',
        ExpressionAttributeNames: { '#hash': 'hash' },
        ExpressionAttributeValues: { ':until': { N: String(until) } },
      });
      return (await this.#unlessRefused(() => this.#client.send(command))) ? [hash] : [];
    });
    return gone.flat();
  }

  /** Changes the pages one by one, for a condition is about one; those whose condition does not hold are left as they are. */
  async #one(
    hashes: readonly Digest[],
    change: (hash: Digest) => Omit<UpdateItemCommand['input'], 'TableName'>,
  ): Promise<void> {
    await inParallel(hashes, singlesAtOnce, (hash) => {
      const command = new UpdateItemCommand({ TableName: this.#table, ...change(hash) });
      return this.#unlessRefused(() => this.#client.send(command));
    });
  }

  async #unlessRefused(call: () => Promise<unknown>): Promise<boolean> {
    try {
      await retrying(call);
      return true;
    } catch (error) {
      if (isRefused(error)) return false;
      throw error;
    }
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
