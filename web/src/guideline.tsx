/** What people are told to look for: the version in force, older ones, and a confirmation that it was read. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get, post, type Schema } from "./net";
import { Outcome, Pending, useDeed, useLoaded, when } from "./parts";
import { Prose } from "./prose";

const NONE = "There is no guideline yet. Rank by your own judgement: the best answer first.";

/** The guideline alone, beside the tasks. */
export function Guide({ slug }: { slug: string }): JSX.Element {
  const told = useLoaded(() => get("/api/v1/projects/{p}/guideline", { p: slug }), slug);
  if (!told.value) return <p class="soft">{told.fault ? told.fault.message : "One moment …"}</p>;
  return told.value.version === 0 ? <p>{NONE}</p> : <Prose text={told.value.text} />;
}

export function GuidelinePage({ slug, admin, changed }: { slug: string; admin: boolean; changed: () => void }): JSX.Element {
  const told = useLoaded(() => get("/api/v1/projects/{p}/guideline", { p: slug }), slug);
  const older = useLoaded(() => get("/api/v1/projects/{p}/guideline/versions", { p: slug }), slug);
  const deed = useDeed();
  const now = told.value;
  if (!now) return <Pending of={told} />;
  const again = (): void => {
    told.again();
    older.again();
    changed();
  };
  const confirm = async (): Promise<string> => {
    await post("/api/v1/projects/{p}/guideline/acknowledge", { p: slug }, { version: now.version });
    again();
    return "Thank you.";
  };
  return (
    <main class="page">
      <h1>Guideline {now.version > 0 && <span class="soft">version {now.version}</span>}</h1>
      {now.version === 0 ? <p>{NONE}</p> : <Prose text={now.text} />}
      {now.version > 0 &&
        (now.acknowledged ? (
          <p class="good">✓ You have confirmed this version.</p>
        ) : (
          <p>
            <button type="button" class="send" disabled={deed.busy} onClick={() => deed.run(confirm)}>
              I have read it
            </button>
            {now.must_acknowledge && <span class="soft"> Tasks go on once it is confirmed.</span>}
          </p>
        ))}
      <p>
        <a href={`#/p/${slug}/rank`}>To the tasks</a>
      </p>
      <Outcome of={deed} />
      {admin && <Write key={now.version} slug={slug} text={now.text} done={again} />}
      {older.value && older.value.versions.length > 1 && <Versions of={older.value.versions} now={now.version} />}
    </main>
  );
}

function Versions({ of, now }: { of: readonly Schema<"GuidelineVersion">[]; now: number }): JSX.Element {
  return (
    <section>
      <h2>Earlier versions</h2>
      {of
        .filter((one) => one.version !== now)
        .sort((a, b) => b.version - a.version)
        .map((one) => (
          <details key={one.version}>
            <summary>
              Version {one.version}, {when(one.at)}, by {one.by}
            </summary>
            <Prose text={one.text} />
          </details>
        ))}
    </section>
  );
}

function Write({ slug, text, done }: { slug: string; text: string; done: () => void }): JSX.Element {
  const [draft, setDraft] = useState(text);
  const [must, setMust] = useState(true);
  const deed = useDeed();
  useEffect(() => setDraft(text), [text]);
  const publish = async (): Promise<string> => {
    await post("/api/v1/projects/{p}/guideline", { p: slug }, { text: draft, must_acknowledge: must });
    done();
    return "Published. Every answer from now on carries the new version.";
  };
  return (
    <details class="write" open={text === ""}>
      <summary>{text === "" ? "Write a guideline" : "Write the next version"}</summary>
      <div class="two">
        <label>
          Text (markdown: headings, lists, **bold**, `code`)
          <textarea rows={14} value={draft} onInput={(event) => setDraft(event.currentTarget.value)} />
        </label>
        <div>
          <span class="soft">As people will see it</span>
          <Prose text={draft} />
        </div>
      </div>
      <label class="check">
        <input type="checkbox" checked={must} onChange={(event) => setMust(event.currentTarget.checked)} />
        <span>People must confirm it before they get another task</span>
      </label>
      <button type="button" disabled={deed.busy || !draft.trim() || draft === text} onClick={() => deed.run(publish)}>
        Publish
      </button>
      <Outcome of={deed} />
    </details>
  );
}
