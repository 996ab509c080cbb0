// The table of DESIGN §6: first the rule alone, then delivered into real trees, in files, tables and applications.

import { describe, expect, it } from 'vitest';
import type { Entry } from '../core/model/entry.ts';
import { areaOf, type Kind, kinds, toKey } from '../core/model/path.ts';
import { everything } from '../core/model/scope.ts';
import {
  decide,
  noCounts,
  type Outcome,
  type Strategies,
  type Strategy,
  strategies,
} from '../core/model/strategy.ts';
import { deliver } from '../core/tree/deliver.ts';
import { editTree } from '../core/tree/edit.ts';
import { emptyRoot } from '../core/tree/page.ts';
import { scan } from '../core/tree/walk.ts';
import { fileOf } from './support/entries.ts';
import { MemoryPages } from './support/memory-pages.ts';

/** Base, payload and target by the text they hold; null where there is nothing. */
type Texts = readonly [base: string | null, payload: string | null, target: string | null];

const columns = {
  'T absent': [null, 'new', null],
  'T absent, though delivered as it is now': ['new', 'new', null],
  'T absent, though delivered before': ['old', 'new', null],
  'T = P, never delivered': [null, 'new', 'new'],
  'T = P, delivered': ['new', 'new', 'new'],
  'T = P, another delivered': ['old', 'new', 'new'],
  'T = B': ['old', 'new', 'old'],
  'T edited, P = B': ['new', 'new', 'mine'],
  'T edited, P ≠ B': ['old', 'new', 'mine'],
  'T never delivered': [null, 'new', 'mine'],
  'P absent, T = B': ['old', null, 'old'],
  'P absent, T edited': ['old', null, 'mine'],
  'P absent, T never delivered': [null, null, 'mine'],
  'P and T absent': ['old', null, null],
} satisfies Record<string, Texts>;

const _ = undefined;
// biome-ignore format: a table
const table: Record<Strategy, readonly (Outcome | undefined)[]> = {
  //          T absent: B none / P / old      T = P: B none / P / old   T = B      P = B       P ≠ B       no B        P absent
  merge:     ['created', 'created', 'created', 'same', 'same', 'same', 'updated', 'kept',     'renamed',  'renamed',  _, _, _, _],
  overwrite: ['created', 'created', 'created', 'same', 'same', 'same', 'updated', 'replaced', 'replaced', 'replaced', _, _, _, _],
  keep:      ['created', 'created', 'created', 'same', 'same', 'same', 'kept',    'kept',     'kept',     'kept',     _, _, _, _],
  rename:    ['created', 'created', 'created', 'same', 'same', 'same', 'renamed', 'renamed',  'renamed',  'renamed',  _, _, _, _],
  mirror:    ['created', 'created', 'created', 'same', 'same', 'same', 'updated', 'replaced', 'replaced', 'replaced', 'deleted', 'deleted', 'deleted', _],
  none:      [_, _, _, _, _, _, _, _, _, _, _, _, _, _],
};

const cells = strategies.flatMap((strategy) =>
  Object.entries(columns).map(([column, texts], nth) => ({
    strategy,
    column,
    texts,
    outcome: table[strategy][nth],
  })),
);

const entryOf: Record<Kind, (text: string) => Entry> = {
  file: fileOf,
  table: (text) => ({
    kind: 'table',
    columns: [{ name: text, type: 'string' }],
    rows: 1,
    parts: [{ sha256: 'a'.repeat(64), size: 9, rows: 1 }],
  }),
  app: (text) => ({
    kind: 'app',
    image: `${text}@sha256:1`,
    command: ['start'],
    resources: { cpu: 1 },
    config: '{}',
  }),
};

describe('the table', () => {
  it('has a cell for each strategy and situation', () => {
    expect(Object.keys(table)).toEqual([...strategies]);
    for (const row of Object.values(table)) expect(row).toHaveLength(Object.keys(columns).length);
  });

  it.each(cells)('$strategy, $column: $outcome', ({ strategy, texts, outcome }) => {
    for (const kind of kinds) {
      const [base, payload, target] = texts.map((text) => (text === null ? undefined : entryOf[kind](text)));
      expect(decide(strategy, { base, payload, target })).toBe(outcome);
    }
  });

  it('compares all of an entry, not its bytes alone', () => {
    const plain = fileOf('x');
    const executable: Entry = { ...plain, executable: true };
    expect(decide('merge', { base: plain, payload: plain, target: executable })).toBe('kept');
    expect(decide('merge', { base: plain, payload: executable, target: plain })).toBe('updated');
  });
});

/** States by key, as the texts of their entries. */
type Content = Record<string, string>;

class World {
  readonly pages = new MemoryPages();

  async build(content: Content): Promise<string> {
    const edits = Object.entries(content).map(([key, text]) => ({
      key,
      entry: entryOf[key.slice(0, key.indexOf('/') - 1) as Kind](text),
    }));
    const { root, pages } = await editTree(this.pages.reader(), emptyRoot, edits);
    await this.pages.putMany(pages);
    return root;
  }

  async read(root: string): Promise<Content> {
    const found: Content = {};
    for await (const { key, entry } of scan(this.pages.reader(), root))
      found[key] = Object.keys(texts).find(
        (text) => JSON.stringify(entryOf[entry.kind](text)) === JSON.stringify(entry),
      )!;
    return found;
  }

  async deliver(input: { base: Content; payload: Content; target: Content; strategies: Strategies }) {
    const [base, payload, target] = await Promise.all(
      [input.base, input.payload, input.target].map((content) => this.build(content)),
    );
    const { strategies: chosen } = input;
    const delivery = await deliver(this.pages.reader(), {
      base: base!,
      payload: payload!,
      target: target!,
      scope: everything,
      strategies: chosen,
      day: '2026-11-23',
    });
    await this.pages.putMany(delivery.pages);
    return {
      ...delivery,
      content: await this.read(delivery.root),
      deliveredContent: await this.read(delivery.delivered),
    };
  }
}

const texts: Content = { old: '', new: '', mine: '', other: '' };
const names: Record<Kind, [name: string, beside: string]> = {
  file: ['week 1/plan.md', 'week 1/plan (handout 2026-11-23).md'],
  table: ['prices', 'prices (handout 2026-11-23)'],
  app: ['lab', 'lab (handout 2026-11-23)'],
};
const allOf = (strategy: Strategy): Strategies => ({ file: strategy, table: strategy, app: strategy });
const only = (key: string, text: string | null | undefined): Content => (text ? { [key]: text } : {});

describe.each(kinds)('delivered into a tree: a %s', (kind) => {
  const [name, besideName] = names[kind];
  const key = toKey(kind, name);
  const beside = toKey(kind, besideName);
  const unrelated = { [`${areaOf(kind)}another`]: 'other' };

  it.each(cells)(
    '$strategy, $column: $outcome',
    async ({ strategy, texts: [base, payload, target], outcome }) => {
      const world = new World();
      // With a strategy that deletes what is not in the payload, the unrelated entry is part of the payload.
      const given = { ...only(key, payload), ...(strategy === 'mirror' && unrelated) };
      const delivery = await world.deliver({
        base: only(key, base),
        payload: given,
        target: { ...only(key, target), ...unrelated },
        strategies: allOf(strategy),
      });

      const after: Record<Outcome, Content> = {
        created: only(key, payload),
        updated: only(key, payload),
        same: only(key, payload),
        replaced: only(key, payload),
        kept: only(key, target),
        renamed: { ...only(key, target), ...only(beside, payload) },
        deleted: {},
      };
      expect(delivery.content).toEqual({ ...(outcome ? after[outcome] : only(key, target)), ...unrelated });
      expect(delivery.entries).toBe(Object.keys(delivery.content).length);

      // An untouched path stays untouched when the payload goes beside it: what was delivered there is still there.
      const besideUntouched = outcome === 'renamed' && target === base;
      const delivered: Content =
        outcome === undefined || outcome === 'kept' || besideUntouched
          ? only(key, base)
          : outcome === 'deleted'
            ? {}
            : only(key, payload);
      expect(delivery.deliveredContent).toEqual({
        ...delivered,
        ...(outcome === 'renamed' && only(beside, payload)),
        ...(strategy === 'mirror' && unrelated),
      });

      const counts = noCounts();
      if (outcome) counts[outcome]++;
      if (strategy === 'mirror') counts.same++;
      expect(delivery.counts).toEqual(counts);

      const listed =
        outcome === 'kept' || outcome === 'renamed' || outcome === 'replaced' || outcome === 'deleted';
      const renamedTo = outcome === 'renamed' && { renamedTo: besideName };
      expect(delivery.exceptions).toEqual(listed ? [{ kind, path: name, outcome, ...renamedTo }] : []);
    },
  );
});

it('each kind follows its own strategy', async () => {
  const paths = kinds.map((kind) => toKey(kind, 'x'));
  const everywhere = (text: string): Content => Object.fromEntries(paths.map((key) => [key, text]));
  const { content, counts } = await new World().deliver({
    base: everywhere('old'),
    payload: everywhere('new'),
    target: everywhere('mine'),
    strategies: { file: 'overwrite', table: 'none', app: 'rename' },
  });
  expect(content).toEqual({
    'apps/x': 'mine',
    'apps/x (handout 2026-11-23)': 'new',
    'files/x': 'new',
    'tables/x': 'mine',
  });
  expect(counts).toEqual({ ...noCounts(), replaced: 1, renamed: 1 });
});

it('what is put beside an untouched path does not make that path count as edited', async () => {
  const world = new World();
  const first = await world.deliver({
    base: { 'files/x': 'old' },
    payload: { 'files/x': 'new' },
    target: { 'files/x': 'old' },
    strategies: allOf('rename'),
  });
  const second = await world.deliver({
    base: first.deliveredContent,
    payload: { 'files/x': 'other' },
    target: first.content,
    strategies: allOf('merge'),
  });
  expect(second.content).toEqual({ 'files/x': 'other', 'files/x (handout 2026-11-23)': 'new' });
});
