// Chance of the tests that kill: `CRASH_SEED` repeats a run's choices (when exactly a kill strikes, no seed can repeat).

const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
console.log(`CRASH_SEED=${seed}`);

let state = seed;

/** From 0 to below 1. */
export function random(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
}
