/** Foreign text on the page: always text nodes, never markup of its own. */

import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";
import { difference, words, type Piece } from "./difference";

/** Embeddings, overrides and isolates: unseen, they make a reader see other words than there are. */
const TURNS = /([\u202a-\u202e\u2066-\u2069])/;

/** A text in which the signs that turn the direction of writing are shown and do nothing. */
export const signs = (text: string): ComponentChildren[] =>
  text.split(TURNS).map((part, i) => (i % 2 ? <span class="sign">{named(part)}</span> : part));

const named = (sign: string): string => `U+${sign.codePointAt(0)!.toString(16).toUpperCase()}`;

/** A model's text as it was said: line breaks stand, marks of markdown are shown, code is evenly spaced. */
export function Said({ text, dim = 0 }: { text: string; dim?: number }): JSX.Element {
  if (!text.trim()) return <p class="said soft">(an empty answer)</p>;
  if (!dim) return <p class="said" dir="auto">{coded(text)}</p>;
  const all = words(text);
  return (
    <p class="said" dir="auto">
      <span class="shared">{signs(all.slice(0, dim).join(""))}</span>
      {coded(all.slice(dim).join(""))}
    </p>
  );
}

/** Fenced code in its own face, with its fences. */
const coded = (text: string): ComponentChildren[] =>
  text.split(/(^```[^\n]*\n[\s\S]*?^```[^\n]*$)/m).map((part, i) => (i % 2 ? <code>{signs(part)}</code> : signs(part)));

/** The same text with what it has more or less than another; found once, not at every key. */
export function Differs({ text, other }: { text: string; other: string }): JSX.Element {
  const pieces = useMemo(() => difference(text, other).map(shownPiece), [text, other]);
  return (
    <p class="said" dir="auto">
      {pieces}
    </p>
  );
}

function shownPiece(piece: Piece): ComponentChildren {
  if (piece.kind === "same") return <span class="shared">{signs(piece.text)}</span>;
  const mark = piece.text.trimStart();
  const space = piece.text.slice(0, piece.text.length - mark.length);
  return [space, piece.kind === "more" ? <ins>{signs(mark)}</ins> : <del>{signs(mark)}</del>];
}

const FENCE = /^```.*\n([\s\S]*?)\n?^```[ \t]*$/m;

/** A guideline: headings, lists, paragraphs, code, bold. What else markdown knows is shown as it is written. */
export function Prose({ text }: { text: string }): JSX.Element {
  const parts: ComponentChildren[] = [];
  let rest = text.replace(/\r\n?/g, "\n");
  for (let found = FENCE.exec(rest); found; found = FENCE.exec(rest)) {
    parts.push(...blocks(rest.slice(0, found.index)), <pre>{signs(found[1]!)}</pre>);
    rest = rest.slice(found.index + found[0].length);
  }
  return <div class="prose">{[...parts, ...blocks(rest)]}</div>;
}

function blocks(text: string): JSX.Element[] {
  return text
    .split(/\n{2,}/)
    .flatMap((block) => block.split(/(?<=^#{1,4} .*)\n|\n(?=#{1,4} )/m))
    .filter((block) => block.trim())
    .map(block);
}

function block(text: string): JSX.Element {
  const lines = text.trim().split("\n");
  const heading = /^(#{1,4}) +(.*)$/.exec(lines[0]!);
  if (heading && lines.length === 1) {
    return heading[1]!.length === 1 ? <h2>{marked(heading[2]!)}</h2> : <h3>{marked(heading[2]!)}</h3>;
  }
  if (lines.every((line) => /^ *[-*] /.test(line))) return <ul>{items(lines)}</ul>;
  if (lines.every((line) => /^ *\d+[.)] /.test(line))) return <ol>{items(lines)}</ol>;
  return <p>{marked(lines.join("\n"))}</p>;
}

const items = (lines: string[]): JSX.Element[] =>
  lines.map((line) => <li>{marked(line.replace(/^ *(?:[-*]|\d+[.)]) /, ""))}</li>);

/** `code` and **bold** within a line. */
export function marked(text: string): ComponentChildren[] {
  return text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*)/).map((part) => {
    if (/^`.+`$/.test(part)) return <code>{signs(part.slice(1, -1))}</code>;
    return /^\*\*.+\*\*$/.test(part) ? <strong>{signs(part.slice(2, -2))}</strong> : signs(part);
  });
}
