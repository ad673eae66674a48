/** One chart as lines of SVG: read by eye, by pointer, by arrow keys and by ear. */

import type { JSX, RefObject } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { area, extent, figure, nearest, path, scaled, ticks, type Trace } from "./plot";

const [HIGH, LEFT, RIGHT, TOP, FOOT] = [150, 46, 10, 8, 20];

interface OfChart {
  title: string;
  unit: string;
  about: string;
  traces: readonly Trace[];
  /** What the axis counts. */
  axis: string;
  /** Places on the axis at which something happened. */
  marks: readonly number[];
  /** Where all charts are read just now. */
  at: number | null;
  read: (at: number | null) => void;
}

/** The pixels that an element has across, as long as it is there. */
function useWidth(): [RefObject<HTMLDivElement | null>, number] {
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, []);
  return [place, width];
}

export function Chart({ title, unit, about, traces, axis, marks, at, read }: OfChart): JSX.Element {
  const [place, width] = useWidth();
  const wide = useMemo(() => extent(traces.map((one) => one.x)), [traces]);
  const tall = useMemo(() => extent(traces.flatMap((one) => [one.middle, one.low, one.high])), [traces]);
  const x = traces[0]!.x;
  const here = at === null ? -1 : nearest(x, at);
  const step = here < 0 ? null : x[here]!;
  const value = (one: Trace): number | null => {
    if (step === null) return one.latest;
    const found = nearest(one.x, step);
    return found < 0 ? null : (one.middle[found] ?? null);
  };
  const spoken = `${axis} ${figure(step ?? x.at(-1))}: ${traces.map((one) => `${one.label} ${figure(value(one))}`).join(", ")}`;
  const move = (event: KeyboardEvent): void => {
    const now = here < 0 ? x.length - 1 : here;
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, PageUp: now + 10, PageDown: now - 10, Home: 0, End: x.length - 1 }[
      event.key
    ];
    if (event.key === "Escape") read(null);
    else if (to === undefined) return;
    else read(x[Math.max(0, Math.min(x.length - 1, to))] ?? null);
    event.preventDefault();
  };
  return (
    <figure class="chart card">
      <figcaption>
        <h3 title={about}>
          {title} {unit && <span class="soft">{unit}</span>}
        </h3>
        <ul class="legend">
          {traces.map((one, i) => (
            <li>
              <svg class={`swatch l${i % 4}`} viewBox="0 0 18 8" aria-hidden="true">
                <path d="M1 4h16" />
              </svg>
              {one.label} <strong>{figure(value(one))}</strong>
            </li>
          ))}
        </ul>
      </figcaption>
      <div
        ref={place}
        class="plot"
        tabIndex={0}
        role="slider"
        aria-label={title}
        aria-valuemin={x[0] ?? 0}
        aria-valuemax={x.at(-1) ?? 0}
        aria-valuenow={step ?? x.at(-1) ?? 0}
        aria-valuetext={spoken}
        onKeyDown={move}
        onBlur={() => read(null)}
        onPointerLeave={() => read(null)}
        onPointerMove={(event) => {
          if (!wide) return;
          const across = event.clientX - event.currentTarget.getBoundingClientRect().left;
          read(scaled({ low: LEFT, high: width - RIGHT }, wide.low, wide.high)(across));
        }}
      >
        {width > 0 && wide && tall ? (
          <Drawing {...{ traces, wide, tall, width, marks, step }} value={value} />
        ) : (
          <p class="soft">Nothing yet.</p>
        )}
      </div>
    </figure>
  );
}

interface OfDrawing {
  traces: readonly Trace[];
  wide: { low: number; high: number };
  tall: { low: number; high: number };
  width: number;
  marks: readonly number[];
  step: number | null;
  value: (one: Trace) => number | null;
}

function Drawing({ traces, wide, tall, width, marks, step, value }: OfDrawing): JSX.Element {
  const across = scaled(wide, LEFT, width - RIGHT);
  const up = scaled(tall, HIGH - FOOT, TOP);
  const still = useMemo(
    () => (
      <>
        {ticks(tall, 4).map((one) => (
          <g>
            <line class="grid" x1={LEFT} x2={width - RIGHT} y1={up(one)} y2={up(one)} />
            <text class="tick" x={LEFT - 5} y={up(one) + 3.5} text-anchor="end">
              {figure(one)}
            </text>
          </g>
        ))}
        {ticks(wide, Math.max(2, Math.floor(width / 70))).map((one) => (
          <text class="tick" x={across(one)} y={HIGH - 5} text-anchor="middle">
            {figure(one)}
          </text>
        ))}
        {marks.map((one) => (
          <path class="alarm-mark" d={`M${across(one)} ${TOP}V${HIGH - FOOT}`} />
        ))}
        {traces.map((one, i) => (
          <g class={`l${i % 4}`}>
            {one.low && one.high && <path class="band" d={area(one.x, one.low, one.high, across, up)} />}
            <path class="trace" d={path(one.x, one.middle, across, up)} />
            {one.dots &&
              one.middle.map((told, k) => told !== null && <circle cx={across(one.x[k]!)} cy={up(told)} r="2.5" />)}
          </g>
        ))}
      </>
    ),
    [traces, width, marks, wide, tall],
  );
  return (
    <svg width={width} height={HIGH} viewBox={`0 0 ${width} ${HIGH}`} aria-hidden="true">
      {still}
      {step !== null && (
        <g>
          <path class="cross" d={`M${across(step)} ${TOP}V${HIGH - FOOT}`} />
          {traces.map((one, i) => {
            const told = value(one);
            return told !== null && <circle class={`l${i % 4}`} cx={across(step)} cy={up(told)} r="3" />;
          })}
          <text class="tick now" x={Math.min(Math.max(across(step), LEFT + 14), width - 24)} y={HIGH - 5} text-anchor="middle">
            {figure(step)}
          </text>
        </g>
      )}
    </svg>
  );
}
