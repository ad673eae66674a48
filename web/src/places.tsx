/** Where somebody may work: a box for each project. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { post, type Schema } from "./net";

interface Given {
  projects: readonly Schema<"ProjectLine">[];
  where: readonly string[];
  set: (where: readonly string[]) => void;
  title: string;
}

export function Places({ projects, where, set, title }: Given): JSX.Element {
  return (
    <fieldset>
      <legend>{title}</legend>
      {projects.map((one) => (
        <label class="check">
          <input
            type="checkbox"
            checked={where.includes(one.slug)}
            onChange={(event) => {
              const rest = where.filter((slug) => slug !== one.slug);
              set(event.currentTarget.checked ? [...rest, one.slug] : rest);
            }}
          />
          <span>{one.title}</span>
        </label>
      ))}
      {projects.length === 0 && <span class="soft">There is no project yet.</span>}
    </fieldset>
  );
}

interface OfChange {
  one: Schema<"Person">;
  projects: readonly Schema<"ProjectLine">[];
  change: (deed: () => Promise<string>) => void;
}

/** The projects of somebody who is here already, to be opened and changed. */
export function Changed({ one, projects, change }: OfChange): JSX.Element {
  const [open, setOpen] = useState(false);
  const [where, setWhere] = useState<readonly string[]>(one.projects);
  const save = async (): Promise<string> => {
    const person = String(one.id);
    await post("/api/v1/people/{person}/role", { person }, { role: one.role, projects: [...where] });
    setOpen(false);
    return `The projects of ${one.name} are changed.`;
  };
  return (
    <details
      open={open}
      onToggle={(event) => {
        if (event.currentTarget.open && !open) setWhere(one.projects);
        setOpen(event.currentTarget.open);
      }}
    >
      <summary>
        {one.projects.join(", ") || "none"}
        <span class="hidden">: change the projects of {one.name}</span>
      </summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change(save);
        }}
      >
        <Places projects={projects} where={where} set={setWhere} title={`Projects of ${one.name}`} />
        <button type="submit" class="small">
          Save
        </button>
      </form>
    </details>
  );
}
