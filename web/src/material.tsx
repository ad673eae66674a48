/** What an admin brings in as a file, and takes out as one. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Fault, file, get, post, type Schema } from "./net";
import { count, Outcome, useDeed, useLoaded } from "./parts";

/** Tasks from a file; what was left out is told row by row. */
export function Add({ slug, done }: { slug: string; done: () => void }): JSX.Element {
  const [told, setTold] = useState<Schema<"Imported"> | null>(null);
  const [gold, setGold] = useState(false);
  const deed = useDeed();
  const add = (file: File): void =>
    deed.run(async () => {
      setTold(null);
      const text = decoded(file.name, await file.arrayBuffer());
      const imported = await post("/api/v1/projects/{p}/tasks", { p: slug }, { text, gold }).catch(uncertain);
      setTold(imported);
      done();
      return `${count(imported.rows)} rows read, ${count(imported.tasks)} new tasks.`;
    });
  return (
    <section>
      <h2>Add tasks</h2>
      <p class="soft">
        A JSONL file in UTF-8 of prompts with their answers, in any format that <code>concord import</code> reads.
      </p>
      <label class="check">
        <input type="checkbox" checked={gold} onChange={(event) => setGold(event.currentTarget.checked)} />
        <span>The rankings in it are known to be right: people are measured by them</span>
      </label>
      <input
        type="file"
        accept=".jsonl,.json,.txt"
        aria-label="File with tasks"
        disabled={deed.busy}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) add(file);
          event.currentTarget.value = "";
        }}
      />
      {deed.busy && <p role="status">The rows are being read and stored. A big file takes minutes.</p>}
      <Outcome of={deed} />
      {told && [...told.left_out, ...told.warnings].length > 0 && (
        <ul>
          {[...told.left_out, ...told.warnings].map((one) => (
            <li>{one}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** The text of a file; one in another encoding would come in with its letters destroyed. */
export function decoded(name: string, bytes: ArrayBuffer): string {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    return decoder.decode(bytes);
  } catch {
    const line = broken(new Uint8Array(bytes));
    const why = `${name} is not text in UTF-8: line ${line} holds bytes that mean nothing there.`;
    throw new Error(`${why} Nothing was added. Save the file as UTF-8 and choose it again.`);
  }
}

/** The number of the first line that is not UTF-8; no sign but a line break holds the byte of one. */
function broken(bytes: Uint8Array): number {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = 1;
  for (let from = 0; from < bytes.length; line++) {
    const found = bytes.indexOf(10, from);
    const end = found < 0 ? bytes.length : found;
    try {
      decoder.decode(bytes.subarray(from, end));
    } catch {
      return line;
    }
    from = end + 1;
  }
  return line;
}

/** Without an answer nobody knows whether the rows are there. */
function uncertain(error: unknown): never {
  if (!(error instanceof Fault && error.passing)) throw error;
  const look = "Whether the rows are stored is not known. Load this page in a while again and look at the numbers,";
  throw new Error(`${error.message} ${look} or choose the file again: tasks that are there are not added twice.`);
}

const SAID: Readonly<Record<Schema<"Written">["kind"], string>> = {
  rankings: "Rankings",
  demonstrations: "Demonstrations: best answers as people mended them",
  ratings: "Ratings: numbers by aspect",
};
const PACKED: Readonly<Record<Schema<"Exports">["containers"][number], string>> = {
  jsonl: "JSON Lines",
  "jsonl.gz": "JSON Lines, compressed",
  json: "a JSON array",
  csv: "CSV, for spreadsheets",
  parquet: "Parquet",
};

/** What people said, as a file of any format that holds it; closed until somebody wants one. */
export function TakeOut({ slug }: { slug: string }): JSX.Element {
  const [open, setOpen] = useState(false);
  return (
    <section>
      <h2>Export</h2>
      <details class="write" onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>Everybody’s latest answers as a file</summary>
        {open && <Export slug={slug} />}
      </details>
    </section>
  );
}

function Export({ slug }: { slug: string }): JSX.Element {
  const told = useLoaded(() => get("/api/v1/projects/{p}/export/formats", { p: slug }), slug);
  const [format, setFormat] = useState("concord-rankings");
  const [container, setContainer] = useState<keyof typeof PACKED>("jsonl");
  if (!told.value) return <p class="soft">{told.fault ? told.fault.message : "One moment …"}</p>;
  const { formats, containers } = told.value;
  const chosen = formats.find((one) => one.name === format);
  return (
    <div class="export">
      <label>
        Format
        <select value={format} onChange={(event) => setFormat(event.currentTarget.value)}>
          {Object.entries(SAID).map(([kind, words]) => (
            <optgroup label={words}>
              {formats
                .filter((one) => one.kind === kind)
                .map((one) => (
                  <option>{one.name}</option>
                ))}
            </optgroup>
          ))}
        </select>
      </label>
      <label>
        Packed as
        <select
          value={container}
          onChange={(event) => setContainer(event.currentTarget.value as keyof typeof PACKED)}
        >
          {containers.map((one) => (
            <option value={one}>{PACKED[one]}</option>
          ))}
        </select>
      </label>
      <p class="soft">
        A row holds {chosen?.keys.join(", ")}. Names of people are pseudonyms.
        {container === "csv" && " What a spreadsheet would take for a formula begins with an apostrophe."}
      </p>
      <Weighed key={`${format}/${container}`} slug={slug} format={format} container={container} />
    </div>
  );
}

/** What the file will hold and what it cannot, before it is fetched. */
function Weighed({ slug, format, container }: { slug: string; format: string; container: string }): JSX.Element {
  const told = useLoaded(() => get("/api/v1/projects/{p}/export/losses", { p: slug, format }), `${slug}/${format}`);
  const deed = useDeed();
  const now = told.value;
  if (!now) return <p role={told.fault ? "alert" : "status"}>{told.fault ? told.fault.message : "Counting …"}</p>;
  if (now.records === 0) return <p role="status">Nobody has said anything of this kind yet.</p>;
  const name = `${slug}.${format}.${container}`;
  const fetched = async (): Promise<string> => {
    const blob = await file("/api/v1/projects/{p}/export", { p: slug, format, container });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    return `${name} is fetched.`;
  };
  return (
    <div class="export">
      <p>
        <strong>{count(now.records)}</strong> {now.records === 1 ? "record becomes" : "records become"}{" "}
        <strong>{count(now.rows)}</strong> {now.rows === 1 ? "row" : "rows"}.
        {now.losses.length === 0 ? " Nothing is lost." : " Lost on the way:"}
      </p>
      {now.losses.length > 0 && (
        <ul>
          {now.losses.map((one) => (
            <li>{one}</li>
          ))}
        </ul>
      )}
      {now.rows > 0 && (
        <button type="button" class="send" disabled={deed.busy} onClick={() => deed.run(fetched)}>
          Download {name}
        </button>
      )}
      <Outcome of={deed} />
    </div>
  );
}
