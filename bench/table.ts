// Lines of results as one Markdown table.

import { exact, type Line } from './harness.ts';

export type Named = Line & { readonly row: string };

const head = ['row', 'what', 'size', 'ms', 'cpu ms', 'found', 'port calls', 'target'];

const cells = (line: Named, judged: boolean): string[] => [
  line.row,
  line.what,
  line.size,
  time(line.ms),
  time(line.cpuMs),
  line.found ?? '',
  portCalls(line),
  (line.targets ?? [])
    .map(({ says, met }) => (judged ? `${says}: ${met ? 'met' : 'NOT MET'}` : says))
    .join('; '),
];

const time = (ms: number | undefined): string => (ms === undefined ? '' : exact(ms, ms < 10 ? 2 : 0));

/** Calls by port and method; what they amount to is in other words without a dot. */
const portCalls = ({ calls = {} }: Line): string =>
  Object.entries(calls)
    .filter(([name]) => name.includes('.') || name.includes('bytes'))
    .map(([name, count]) => `${name} ${exact(count, 1)}`)
    .join(', ');

/** `judged` says whether targets were met. */
export function table(lines: readonly Named[], judged: boolean): string {
  const rows = [head, ...lines.map((line) => cells(line, judged))];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const text = rows.map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`,
  );
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [text[0], rule, ...text.slice(1)].join('\n');
}

const spent = ({ ms, cpuMs }: Line): string =>
  [ms === undefined ? '' : `${time(ms)} ms`, cpuMs === undefined ? '' : `(${time(cpuMs)} cpu)`]
    .join(' ')
    .trim();

/** For whoever watches. */
export const short = (line: Named): string =>
  [line.row, line.what, line.size, spent(line), line.found ?? ''].filter((cell) => cell !== '').join(' · ');
