/** What stands in the head of a project's pages: where one may go, and how far one is. */

import type { JSX } from "preact";
import type { Schema } from "./net";
import { count, two } from "./parts";

type Me = Schema<"Me">;

export function Tabs({ me, project, page }: { me: Me; project: Schema<"Project">; page: string }): JSX.Element {
  const tabs: [string, string][] = [["", project.title], ["rank", project.mode === "compare" ? "Judge" : "Rank"]];
  if (me.role !== "annotator") tabs.push(["agreement", "Agreement"]);
  if (me.role !== "annotator" || project.mode === "compare") tabs.push(["compare", "Compare"]);
  tabs.push(["guideline", "Guideline"]);
  return (
    <nav aria-label="Pages of this project">
      {tabs.map(([to, name]) => (
        <a
          href={`#/p/${project.slug}${to && `/${to}`}`}
          class={to === "" ? "title" : ""}
          aria-current={page === to ? "page" : undefined}
        >
          {to === "" ? <Title of={name} /> : name}
        </a>
      ))}
    </nav>
  );
}

/** A narrow screen has no room for a title beside the other pages. */
function Title({ of }: { of: string }): JSX.Element {
  return (
    <>
      <span class="long">{of}</span>
      <span class="short">Home</span>
    </>
  );
}

export function Numbers({ of }: { of: Schema<"Progress"> }): JSX.Element {
  return (
    <span class="numbers">
      <span>{count(of.today)} today</span>
      <span>
        {count(of.done)}/{count(of.total)}
      </span>
      {of.median_seconds !== null && <span>{Math.round(of.median_seconds)} s median</span>}
      {of.agreement && <span>agreement {two(of.agreement.value)}</span>}
    </span>
  );
}
