/** How one text differs from another, word by word. */

export interface Piece {
  readonly text: string;
  readonly kind: "same" | "more" | "less";
}

/** Beyond this the middle is told as replaced: a table of so many cells is where people stop seeing words. */
const MOST_CELLS = 4_000_000;

/** Words with the white space before them; put together they are the text again. */
export const words = (text: string): string[] => text.match(/\s*\S+|\s+$/g) ?? [];

/** How many words all texts begin with. */
export function sharedPrefix(texts: readonly string[]): number {
  const split = texts.map(words);
  const first = split[0] ?? [];
  const at = first.findIndex((word, i) => split.some((one) => one[i] !== word));
  return at < 0 ? first.length : at;
}

/** What `text` has more and less than `other`, in order; the pieces that are not less make up `text`. */
export function difference(text: string, other: string): Piece[] {
  const mine = words(text);
  const theirs = words(other);
  let head = 0;
  while (head < mine.length && head < theirs.length && mine[head] === theirs[head]) head++;
  let tail = 0;
  const most = Math.min(mine.length, theirs.length) - head;
  while (tail < most && mine[mine.length - 1 - tail] === theirs[theirs.length - 1 - tail]) tail++;
  const middle = between(mine.slice(head, mine.length - tail), theirs.slice(head, theirs.length - tail));
  const pieces: Piece[] = [
    ...mine.slice(0, head).map((word): Piece => ({ text: word, kind: "same" })),
    ...middle,
    ...mine.slice(mine.length - tail).map((word): Piece => ({ text: word, kind: "same" })),
  ];
  return joined(pieces);
}

/** The longest run of words that both have, in order, by the table of its lengths. */
function between(mine: string[], theirs: string[]): Piece[] {
  const wide = theirs.length + 1;
  if ((mine.length + 1) * wide > MOST_CELLS) {
    return [
      { text: theirs.join(""), kind: "less" },
      { text: mine.join(""), kind: "more" },
    ];
  }
  const longest = new Uint32Array((mine.length + 1) * wide);
  for (let i = mine.length - 1; i >= 0; i--) {
    for (let j = theirs.length - 1; j >= 0; j--) {
      longest[i * wide + j] =
        mine[i] === theirs[j]
          ? longest[(i + 1) * wide + j + 1]! + 1
          : Math.max(longest[(i + 1) * wide + j]!, longest[i * wide + j + 1]!);
    }
  }
  const pieces: Piece[] = [];
  let [i, j] = [0, 0];
  while (i < mine.length || j < theirs.length) {
    if (i < mine.length && j < theirs.length && mine[i] === theirs[j]) {
      pieces.push({ text: mine[i]!, kind: "same" });
      i++;
      j++;
    } else if (j < theirs.length && (i === mine.length || longest[i * wide + j + 1]! >= longest[(i + 1) * wide + j]!)) {
      pieces.push({ text: theirs[j++]!, kind: "less" });
    } else {
      pieces.push({ text: mine[i++]!, kind: "more" });
    }
  }
  return pieces;
}

function joined(pieces: readonly Piece[]): Piece[] {
  const told: Piece[] = [];
  for (const piece of pieces) {
    const last = told.at(-1);
    if (piece.text === "") continue;
    if (last?.kind === piece.kind) told[told.length - 1] = { kind: last.kind, text: last.text + piece.text };
    else told.push(piece);
  }
  return told;
}
