/** The frame of all pages: who is here, where they are, what has not been sent yet. */

import type { JSX } from "preact";
import { useEffect, useReducer, useState } from "preact/hooks";
import { Adjudicate } from "./adjudicate";
import { Agreement } from "./agreement";
import { Compare } from "./compare";
import { GuidelinePage } from "./guideline";
import { Fault, get, post, whenSignedOut, type Schema } from "./net";
import { drawer, memory, Outbox } from "./outbox";
import { Overview, Projects } from "./overview";
import { Empty, Outcome, Pending, useDeed, useLoaded } from "./parts";
import { People } from "./people";
import { Rank } from "./rank";
import { Run } from "./run";
import { Runs } from "./runs";
import { Numbers, Tabs } from "./tabs";
import { Refused, Unsent } from "./unsent";

type Me = Schema<"Me">;

/** The parts of the address behind `#/`. */
function usePlace(): string[] {
  const read = (): string[] => location.hash.replace(/^#\/?/, "").split("/").map(decode);
  const [place, setPlace] = useState(read);
  useEffect(() => {
    const move = (): void => setPlace(read());
    window.addEventListener("hashchange", move);
    return () => window.removeEventListener("hashchange", move);
  }, []);
  return place;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function App(): JSX.Element {
  const place = usePlace();
  const [me, setMe] = useState<Me | null | Fault>();
  const [outbox, setOutbox] = useState<Outbox | null>(null);
  const look = (): void => {
    const failed = (error: unknown): void => setMe(error instanceof Fault && error.status !== 401 ? error : null);
    get("/api/v1/me").then(setMe, failed);
  };
  const secret = place[0] === "login" ? (place[1] ?? "") : null;

  useEffect(() => {
    whenSignedOut(() => setMe(null));
    if (secret === null) look();
  }, []);
  useEffect(() => {
    if (!me || me instanceof Fault) return;
    if (outbox?.who === me.id) return outbox.flush();
    outbox?.close();
    void drawer().then((kept) => {
      const box = new Outbox(me.id, kept ?? memory());
      box.lasting = kept !== null;
      void box.open().then(() => setOutbox(box)); // what lies in it has to be known before tasks are asked for
    });
  }, [me]);

  if (secret !== null) return <Enter secret={secret} entered={setMe} />;
  if (me === undefined) return <Empty title="One moment …" />;
  if (me instanceof Fault) {
    return (
      <Empty title="The server is not answering">
        <p role="alert">{me.message} Anything that you have not sent yet is safe in this browser.</p>
        <p>
          <button type="button" onClick={look}>
            Try again
          </button>
        </p>
      </Empty>
    );
  }
  if (me === null || !outbox) return me === null ? <SignedOut /> : <Empty title="One moment …" />;
  return <Frame me={me} outbox={outbox} place={place} left={() => setMe(null)} />;
}

/** A link was opened: its secret is used at once and taken out of the address. */
function Enter({ secret, entered }: { secret: string; entered: (me: Me) => void }): JSX.Element {
  const [fault, setFault] = useState<Fault | null>(null);
  const enter = (): void => {
    post("/api/v1/login", {}, { token: secret }).then(
      (me) => {
        entered(me);
        location.replace("#/");
      },
      (error: unknown) => setFault(error instanceof Fault ? error : new Fault(0, "unknown", String(error))),
    );
  };
  useEffect(enter, [secret]);
  if (!fault) return <Empty title="Signing you in …" />;
  if (fault.passing) {
    return (
      <Empty title="The server is not answering">
        <p role="alert">{fault.message}</p>
        <p>
          <button type="button" onClick={enter}>
            Try again
          </button>
        </p>
      </Empty>
    );
  }
  return (
    <Empty title="This link does not open any more">
      <p role="alert">{fault.message}</p>
      <p>
        <a href="#/">If you were signed in here before, go on</a>
      </p>
    </Empty>
  );
}

function SignedOut(): JSX.Element {
  const [link, setLink] = useState("");
  return (
    <Empty title="Welcome to Concord">
      <p>Open the link that you were given; it signs you in. Or paste it here:</p>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          const secret = link.trim().replace(/^.*#\/login\//, "");
          if (secret) location.hash = `#/login/${encodeURIComponent(secret)}`;
        }}
      >
        <input
          aria-label="Your link"
          autocomplete="off"
          value={link}
          onInput={(event) => setLink(event.currentTarget.value)}
        />
        <button type="submit" class="send">Sign in</button>
      </form>
      <p class="soft">Whoever runs this server finds the first link in the window where it was started.</p>
    </Empty>
  );
}

interface OfFrame {
  me: Me;
  outbox: Outbox;
  place: string[];
  left: () => void;
}

function Frame({ me, outbox, place, left }: OfFrame): JSX.Element {
  const slug = place[0] === "p" ? (place[1] ?? "") : null;
  const [turn, again] = useReducer((n: number) => n + 1, 0);
  const [progress, setProgress] = useState<Schema<"Progress"> | null>(null);
  const project = useLoaded<Schema<"Project"> | null>(
    () => (slug === null ? Promise.resolve(null) : get("/api/v1/projects/{p}", { p: slug })),
    `${slug}`,
  );
  const deed = useDeed();
  const page = slug === null ? (place[0] ?? "") : (place[2] ?? "");
  useEffect(() => {
    document.title = [page === "runs" ? place[1] : null, TITLES[page], project.value?.title, "Concord"].filter(Boolean).join(" · ");
  }, [page, place, project.value]);
  const leave = (): void =>
    deed.run(async () => {
      await post("/api/v1/logout", {}, null);
      left();
      return "";
    });
  const known = project.value;
  return (
    <div class="frame">
      <header class="top">
        <a class="name" href="#/">
          concord
        </a>
        {known && <Tabs me={me} project={known} page={page} />}
        <span class="grow" />
        {known && page === "rank" && progress && <Numbers of={progress} />}
        <Unsent outbox={outbox} />
        {me.role !== "annotator" && (
          <a href="#/runs" aria-current={page === "runs" ? "page" : undefined}>
            Runs
          </a>
        )}
        {me.role === "admin" && (
          <a href="#/people" aria-current={page === "people" ? "page" : undefined}>
            People
          </a>
        )}
        <details class="me">
          <summary>{me.name}</summary>
          <div class="menu">
            <p class="soft">{me.role}</p>
            <button type="button" onClick={leave} disabled={deed.busy}>
              Sign out
            </button>
            <Outcome of={deed} />
          </div>
        </details>
      </header>
      <Refused outbox={outbox} />
      {slug === null ? (
        <Outside me={me} place={place} key={turn} changed={() => again(null)} />
      ) : known ? (
        <Inside project={known} me={me} outbox={outbox} place={place} again={project.again} progressed={setProgress} />
      ) : (
        <Pending of={project} />
      )}
    </div>
  );
}

/** The pages that belong to no project. */
function Outside({ me, place, changed }: { me: Me; place: string[]; changed: () => void }): JSX.Element {
  const [page, run, stage] = place;
  if (page === "people") return <People me={me} />;
  if (page === "runs") return run ? <Run key={run} name={run} wish={stage ?? ""} /> : <Runs />;
  return <Projects me={me} changed={changed} />;
}

const TITLES: Readonly<Record<string, string>> = {
  rank: "Rank",
  agreement: "Agreement",
  compare: "Compare",
  guideline: "Guideline",
  people: "People",
  runs: "Runs",
  task: "Task",
};

interface OfInside {
  project: Schema<"Project">;
  me: Me;
  outbox: Outbox;
  place: string[];
  again: () => void;
  progressed: (progress: Schema<"Progress"> | null) => void;
}

function Inside({ project, me, outbox, place, again, progressed }: OfInside): JSX.Element {
  const reviewer = me.role !== "annotator";
  const slug = project.slug;
  switch (place[2]) {
    case undefined:
    case "":
      return <Overview key={slug} project={project} me={me} />;
    case "rank":
      return <Rank key={`${slug}/${project.guideline}`} project={project} outbox={outbox} progressed={progressed} />;
    case "agreement":
      return <Agreement slug={slug} />;
    case "task":
      return <Adjudicate project={project} who={me.id} task={place[3] ?? ""} />;
    case "compare":
      return <Compare project={project} reviewer={reviewer} />;
    case "guideline":
      return <GuidelinePage slug={slug} me={me} changed={again} />;
    default:
      return (
        <Empty title="Nothing is here">
          <p>
            <a href={`#/p/${slug}`}>To the overview</a>
          </p>
        </Empty>
      );
  }
}
