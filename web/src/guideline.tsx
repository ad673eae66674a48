/** What people are told to look for: the version in force, older ones, and a confirmation that it was read. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { forget, keep, kept } from "./kept";
import { get, post, type Schema } from "./net";
import { Outcome, Pending, useDeed, useLoaded, when } from "./parts";
import { Prose } from "./prose";

const NONE = "There is no guideline yet. Rank by your own judgement: the best answer first.";

/** The guideline alone, beside the tasks. */
export function Guide({ slug, read }: { slug: string; read: (version: number) => void }): JSX.Element {
  const told = useLoaded(() => get("/api/v1/projects/{p}/guideline", { p: slug }), slug);
  useEffect(() => {
    if (told.value) read(told.value.version);
  }, [told.value]);
  if (!told.value) return <p class="soft">{told.fault ? told.fault.message : "One moment …"}</p>;
  return told.value.version === 0 ? <p>{NONE}</p> : <Prose text={told.value.text} />;
}

interface OfPage {
  slug: string;
  me: Schema<"Me">;
  changed: () => void;
}

export function GuidelinePage({ slug, me, changed }: OfPage): JSX.Element {
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
      {me.role === "admin" && <Write key={now.version} slug={slug} now={now} who={me.id} done={again} />}
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

interface OfWrite {
  slug: string;
  now: Schema<"Guideline">;
  who: number;
  done: () => void;
}

/** A text that was begun, and the version in force then. */
interface Begun {
  readonly text: string;
  readonly must: boolean;
  readonly version: number;
}

function Write({ slug, now, who, done }: OfWrite): JSX.Element {
  const text = now.text;
  const name = `guideline:${who}:${slug}`;
  const [begun, setBegun] = useState<Begun>(
    () => kept<Begun>(localStorage, name) ?? { text, must: true, version: now.version },
  );
  const [open] = useState(text === "" || begun.text !== text);
  const deed = useDeed();
  const write = (more: Partial<Begun>): void => {
    const next = { ...begun, ...more };
    setBegun(next);
    if (next.text === text) forget(localStorage, name);
    else keep(localStorage, name, next);
  };
  const publish = async (): Promise<string> => {
    const said = { text: begun.text, must_acknowledge: begun.must };
    await post("/api/v1/projects/{p}/guideline", { p: slug }, said);
    forget(localStorage, name);
    done();
    return "Published. Whoever takes a task from now on answers it by the new version.";
  };
  return (
    <details class="write" open={open}>
      <summary>{text === "" ? "Write a guideline" : "Write the next version"}</summary>
      {begun.version !== now.version && (
        <p role="status">You began this on version {begun.version}; version {now.version} has come into force since.</p>
      )}
      <div class="two">
        <label>
          Text (markdown: headings, lists, **bold**, `code`)
          <textarea rows={14} value={begun.text} onInput={(event) => write({ text: event.currentTarget.value })} />
        </label>
        <div>
          <span class="soft">As people will see it</span>
          <Prose text={begun.text} />
        </div>
      </div>
      <label class="check">
        <input type="checkbox" checked={begun.must} onChange={(event) => write({ must: event.currentTarget.checked })} />
        <span>People must confirm it before they get another task</span>
      </label>
      <button
        type="button"
        disabled={deed.busy || !begun.text.trim() || begun.text === text}
        onClick={() => deed.run(publish)}
      >
        Publish
      </button>
      <Outcome of={deed} />
    </details>
  );
}
