/** By its name the texts of workflows know that trying again does not help. */
export class Damaged extends Error {
  override readonly name = 'Damaged';
}
