// `npm run bench:cost -- [--full] [--json FILE]`: what named work costs on AWS, from calls that were counted on one machine
// and list prices. With `--full` the class of 10,000 is really there, else a tenth of it. Exits with 1 when the
// distribution costs more than it may (DESIGN §12).

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { addBills, type Bill, billOf, lines, storageOf, totalOf } from './bill.ts';
import { courseOf300, oneDistribution, type Part, semesterOfSaving } from './cost-scenarios.ts';
import { timesUnits } from './meter.ts';
import { assumed, fixed, prices } from './prices.ts';

const mostForDistribution = 0.05;

const { values } = parseArgs({
  options: { full: { type: 'boolean', default: false }, json: { type: 'string' } },
});

interface Priced {
  readonly what: string;
  readonly measured: number;
  readonly wanted: number;
  readonly bill: Bill;
  /** A month of keeping what it wrote. */
  readonly storage: number;
}

function price({ what, measured, wanted, units }: Part): Priced {
  const scaled = timesUnits(units, wanted / measured);
  return { what, measured, wanted, bill: billOf(scaled), storage: storageOf(scaled) };
}

interface Scenario {
  readonly name: string;
  readonly parts: readonly Priced[];
  readonly bill: Bill;
  /** A month of keeping what it wrote. */
  readonly storage: number;
  /** With storage for as long as the name says. */
  readonly total: number;
}

function scenario(name: string, parts: readonly Priced[], months: number): Scenario {
  const bill = addBills(parts.map((part) => part.bill));
  const storage = parts.reduce((sum, part) => sum + part.storage, 0);
  return { name, parts, bill, storage, total: totalOf(bill) + storage * months };
}

const dollars = (amount: number): string => (amount === 0 ? '' : `$${amount.toFixed(amount < 1 ? 4 : 2)}`);
const whole = (count: number): string => Math.round(count).toLocaleString('en-US');

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const text = rows.map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`,
  );
  return [text[0], `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...text.slice(1)].join(
    '\n',
  );
}

/** The same, so many times over. */
function times({ bill, storage }: Priced, by: number): Pick<Priced, 'bill' | 'storage'> {
  const scaled = Object.fromEntries(lines.map((line) => [line, bill[line] * by])) as Bill;
  return { bill: scaled, storage: storage * by };
}

const head = ['scenario', 'counted here', ...lines, 'a month of storage', 'total'];
const countedHere = ({ measured, wanted }: Priced): string =>
  `${whole(measured)}, × ${whole(wanted / measured)}`;
const rowsOf = ({ name, parts, bill, storage, total }: Scenario): string[][] => [
  [
    `**${name}**`,
    parts.length === 1 ? countedHere(parts[0]!) : '',
    ...lines.map((line) => dollars(bill[line])),
    dollars(storage),
    `**${dollars(total)}**`,
  ],
  ...(parts.length > 1 ? parts : []).map((part) => [
    `${part.what} (${whole(part.wanted)})`,
    countedHere(part),
    ...lines.map((line) => dollars(part.bill[line])),
    dollars(part.storage),
    dollars(totalOf(part.bill)),
  ]),
];

const months = assumed.semesterMonths;
const course = (await courseOf300()).map(price);
const perCampus = (4 * 10_000) / 300;
const campus = course.map((part) => ({
  ...part,
  wanted: part.wanted * perCampus,
  ...times(part, perCampus),
}));
const distribution = (await oneDistribution({ students: values.full ? 10_000 : 1_000 })).map(price);

const scenarios = [
  scenario('one distribution to 10,000', distribution, 0),
  scenario('a semester of saving, one student', (await semesterOfSaving()).map(price), months),
  scenario('a course of 300, one semester', course, months),
  scenario('a campus of 10,000 in four courses each, one semester', campus, months),
];
const atRest = Object.values(fixed).reduce((sum, amount) => sum + amount, 0);

console.log(table([head, ...scenarios.flatMap(rowsOf)]));
console.log(`
Counted on one machine with the adapters' arithmetic of DynamoDB and S3 (bench/meter.ts), multiplied as said in the second
column, at list prices of us-east-1 before any free tier (bench/prices.ts). Multiplying counts what is done once for all as
if it were done for each, so these are upper bounds; --full counts the distribution with all 10,000. A semester keeps what it wrote for ${months} months
at its end's size. Time of Lambdas follows from counted calls at ${assumed.callMs} ms each. A tenant with nobody there costs
${dollars(atRest)} a month (key, alarms, dashboard) on top. Not counted: retries, S3 access logs, traces.`);

const judged = distribution.reduce((sum, part) => sum + totalOf(part.bill), 0);
const met = judged <= mostForDistribution;
console.log(
  `\nA distribution to 10,000 costs ${dollars(judged)}; at most ${dollars(mostForDistribution)}: ${met ? 'met' : 'NOT MET'}`,
);

const file = values.json ?? join(import.meta.dirname, 'results', 'cost.json');
mkdirSync(dirname(file), { recursive: true });
writeFileSync(
  file,
  `${JSON.stringify({ full: values.full, prices, assumed, fixed, scenarios }, undefined, 2)}\n`,
);
console.log(`Written to ${file}`);
process.exitCode = met ? 0 : 1;
