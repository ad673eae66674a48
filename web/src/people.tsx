/** Who takes part, what they may do, and keys for scripts. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get, post, remove, type Schema } from "./net";
import { count, Outcome, Pending, useDeed, useLoaded, when } from "./parts";
import { Changed, Places } from "./places";

type Role = Schema<"Person">["role"];
const ROLES: readonly (readonly [Role, string])[] = [
  ["annotator", "annotator: ranks"],
  ["reviewer", "reviewer: also sees agreement and decides"],
  ["admin", "admin: also adds tasks and people"],
];

export function People({ me }: { me: Schema<"Me"> }): JSX.Element {
  const people = useLoaded(() => get("/api/v1/people"), "people");
  const projects = useLoaded(() => get("/api/v1/projects"), "projects");
  const [link, setLink] = useState<{ name: string; link: Schema<"Link"> } | null>(null);
  const deed = useDeed();
  if (!people.value || !projects.value) return <Pending of={people.value ? projects : people} />;
  const change = (deedOf: () => Promise<string>): void =>
    deed.run(async () => {
      const said = await deedOf();
      people.again();
      return said;
    });
  return (
    <main class="page wide">
      <h1>People</h1>
      {link && <Shown title={`A way in for ${link.name}`} secret={link.link.link} until={link.link.expires} />}
      <Outcome of={deed} />
      <div class="scroll" tabIndex={0} role="region" aria-label="People">
        <table class="people">
          <thead>
            <tr>
              {["name", "role", "projects", "judgements", "last seen", ""].map((title) => (
                <th scope="col">{title || <span class="hidden">actions</span>}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {people.value.people.map((one) => (
              <Line
                key={one.id}
                one={one}
                own={one.id === me.id}
                projects={projects.value!}
                change={change}
                linked={(made) => setLink({ name: one.name, link: made })}
              />
            ))}
          </tbody>
        </table>
      </div>
      <Invite projects={projects.value} done={(name, made) => { setLink({ name, link: made }); people.again(); }} />
      <Keys />
    </main>
  );
}

interface OfLine {
  one: Schema<"Person">;
  own: boolean;
  projects: readonly Schema<"ProjectLine">[];
  change: (deed: () => Promise<string>) => void;
  linked: (link: Schema<"Link">) => void;
}

function Line({ one, own, projects, change, linked }: OfLine): JSX.Element {
  const person = String(one.id);
  const [sure, setSure] = useState(false);
  const give = async (role: Role): Promise<string> => {
    await post("/api/v1/people/{person}/role", { person }, { role });
    return `${one.name} is ${role} now.`;
  };
  const invite = async (): Promise<string> => {
    linked(await post("/api/v1/people/{person}/links", { person }, null));
    return "A new link was made.";
  };
  const close = async (): Promise<string> => {
    await post("/api/v1/people/{person}/disable", { person }, null);
    return `${one.name} has no way in any more. What they said stays.`;
  };
  return (
    <tr class={one.disabled ? "closed" : ""}>
      <th scope="row">
        {one.name}
        {own && <span class="soft"> (you)</span>}
      </th>
      <td>
        {own || one.disabled ? (
          one.role
        ) : (
          <select
            aria-label={`Role of ${one.name}`}
            value={one.role}
            onChange={(event) => {
              const role = event.currentTarget.value as Role;
              change(() => give(role));
            }}
          >
            {ROLES.map(([role]) => (
              <option value={role}>{role}</option>
            ))}
          </select>
        )}
      </td>
      <td>
        {one.role === "admin" ? (
          "all"
        ) : one.disabled ? (
          one.projects.join(", ") || "none"
        ) : (
          <Changed one={one} projects={projects} change={change} />
        )}
      </td>
      <td>{count(one.judgements)}</td>
      <td>{when(one.seen)}</td>
      <td class="deeds">
        {one.disabled ? (
          "closed"
        ) : (
          <>
            <button type="button" class="small" onClick={() => change(invite)}>
              New link<span class="hidden"> for {one.name}</span>
            </button>
            {!own && (
              <button type="button" class="small" onClick={() => (sure ? change(close) : setSure(true))}>
                {sure ? "Really close the way in" : "Close the way in"}
                <span class="hidden"> of {one.name}</span>
              </button>
            )}
          </>
        )}
      </td>
    </tr>
  );
}

/** A secret that is told once. */
function Shown({ title, secret, until }: { title: string; secret: string; until?: string }): JSX.Element {
  const [copied, setCopied] = useState(false);
  return (
    <section class="card pad secret" role="status">
      <h2>{title}</h2>
      <p>Copy it now; it is shown only once{until ? ` and serves once, until ${when(until)}` : ""}.</p>
      <div class="row">
        <input readOnly aria-label={title} value={secret} onFocus={(event) => event.currentTarget.select()} />
        {navigator.clipboard && (
          <button type="button" onClick={() => void navigator.clipboard.writeText(secret).then(() => setCopied(true))}>
            {copied ? "Copied" : "Copy"}
          </button>
        )}
      </div>
    </section>
  );
}

interface OfInvite {
  projects: readonly Schema<"ProjectLine">[];
  done: (name: string, link: Schema<"Link">) => void;
}

function Invite({ projects, done }: OfInvite): JSX.Element {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("annotator");
  const [where, setWhere] = useState<readonly string[]>(projects.map((one) => one.slug));
  const deed = useDeed();
  const invite = async (): Promise<string> => {
    done(name, await post("/api/v1/people", {}, { name, role, projects: role === "admin" ? [] : [...where] }));
    setName("");
    return "";
  };
  return (
    <section>
      <h2>Invite somebody</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          deed.run(invite);
        }}
      >
        <label>
          Name
          <input value={name} maxLength={80} required onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <label>
          Role
          <select value={role} onChange={(event) => setRole(event.currentTarget.value as Role)}>
            {ROLES.map(([value, words]) => (
              <option value={value}>{words}</option>
            ))}
          </select>
        </label>
        {role !== "admin" && (
          <Places projects={projects} where={where} set={setWhere} title="Projects" />
        )}
        <button type="submit" disabled={deed.busy || !name.trim()}>
          Make a link
        </button>
      </form>
      <Outcome of={deed} />
    </section>
  );
}

function Keys(): JSX.Element {
  const told = useLoaded(() => get("/api/v1/tokens"), "tokens");
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("annotator");
  const [made, setMade] = useState<{ name: string; token: string } | null>(null);
  const deed = useDeed();
  const make = async (): Promise<string> => {
    setMade({ name, token: (await post("/api/v1/tokens", {}, { name, role })).token });
    setName("");
    told.again();
    return "";
  };
  const end = async (id: number): Promise<string> => {
    await remove("/api/v1/tokens/{token}", { token: String(id) });
    told.again();
    return "It serves no more.";
  };
  return (
    <section>
      <h2>Keys for scripts</h2>
      {made && <Shown title={`Key “${made.name}”`} secret={made.token} />}
      {told.value && told.value.tokens.length > 0 && (
        <ul class="tokens">
          {told.value.tokens.map((one) => (
            <li key={one.id}>
              {one.name} <span class="soft">{one.role}, made {when(one.at)}, last used {when(one.used)}</span>{" "}
              <button type="button" class="small" onClick={() => deed.run(() => end(one.id))}>
                Revoke<span class="hidden"> {one.name}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          deed.run(make);
        }}
      >
        <label>
          What for
          <input value={name} maxLength={80} required onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <label>
          May do as much as
          <select value={role} onChange={(event) => setRole(event.currentTarget.value as Role)}>
            {ROLES.map(([value]) => (
              <option value={value}>{value}</option>
            ))}
          </select>
        </label>
        <button type="submit" disabled={deed.busy || !name.trim()}>
          Make a key
        </button>
      </form>
      <Outcome of={deed} />
    </section>
  );
}
