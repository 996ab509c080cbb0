// Finds where a line stops being JSON. The engine's own message gives the place of some mistakes only, and a person who
// looks for a missing comma needs it for all. Used on a line that is known to be broken, so it need not be fast.

const tokens = {
  scalar: /[ \t\r]*(?:"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|true|false|null)/y,
  number: /[ \t\r]*-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y,
  text: /[ \t\r]*"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y,
  openObject: /[ \t\r]*\{/y,
  closeObject: /[ \t\r]*\}/y,
  openList: /[ \t\r]*\[/y,
  closeList: /[ \t\r]*\]/y,
  comma: /[ \t\r]*,/y,
  colon: /[ \t\r]*:/y,
  space: /[ \t\r]*/y,
} as const;

/** The character, from 0, of the first token that cannot stand where it stands. */
export function faultIn(line: string): number {
  let at = 0;
  const take = (token: RegExp): boolean => {
    token.lastIndex = at;
    const taken = token.test(line);
    if (taken) at = token.lastIndex;
    return taken;
  };
  const value = (): boolean => {
    if (take(tokens.scalar) || take(tokens.number)) return true;
    if (take(tokens.openObject)) return items(member, tokens.closeObject);
    return take(tokens.openList) && items(value, tokens.closeList);
  };
  const member = (): boolean => take(tokens.text) && take(tokens.colon) && value();
  const items = (item: () => boolean, close: RegExp): boolean => {
    if (take(close)) return true;
    do if (!item()) return false;
    while (take(tokens.comma));
    return take(close);
  };
  try {
    value();
  } catch {
    return at; // nested more deeply than the stack is high
  }
  take(tokens.space);
  return at;
}
