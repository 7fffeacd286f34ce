import type { Point } from './measure.js';

/** The calls of both through one fault. */
export interface Panel {
  readonly fault: string;
  readonly noodroute: readonly Point[];
  readonly kamailio: readonly Point[];
  /** What is said beside the name: the calls that were lost. */
  readonly lost: { readonly noodroute: number; readonly kamailio: number };
}

/** Seconds around the fault. */
export interface Span {
  readonly before: number;
  readonly during: number;
  readonly after: number;
}

const COLUMNS = 3;
const WIDTH = 330;
const HEIGHT = 190;
const PLOT = { left: 48, top: 34, width: 268, height: 118 };
/** Milliseconds at the ends of the logarithmic scale. */
const SCALE = { least: 100, most: 40_000 };
const TICKS = [
  [100, '100 ms'],
  [1_000, '1 s'],
  [10_000, '10 s'],
] as const;
const COLOUR = { noodroute: '#0a6ebd', kamailio: '#ca7903' };

/** One panel for each fault: each call is a dot, at the time it came, as high as it waited for its answer. */
export function failoverPlot(panels: readonly Panel[], span: Span): string {
  const rows = Math.ceil(panels.length / COLUMNS);
  const [width, height] = [COLUMNS * WIDTH, rows * HEIGHT + 34];
  const drawn = panels.map((panel, at) => {
    const [x, y] = [(at % COLUMNS) * WIDTH, Math.floor(at / COLUMNS) * HEIGHT + 34];
    return `<g transform="translate(${x} ${y})">${drawPanel(panel, span)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="Verdana, DejaVu Sans, sans-serif" font-size="11" fill="#1b2128">
<title>Time until a caller is answered, through each fault of the first carrier: Noodroute and Kamailio</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="14" y="20" font-size="13">Time from a call to its answer, while the first carrier has a fault (grey)</text>
${legend('noodroute', 'Noodroute', width - 230)}
${legend('kamailio', 'Kamailio dispatcher', width - 140)}
${drawn.join('\n')}
</svg>
`;
}

function legend(who: keyof typeof COLOUR, name: string, x: number): string {
  return `<circle cx="${x}" cy="16" r="4" fill="${COLOUR[who]}"/><text x="${x + 8}" y="20">${name}</text>`;
}

function drawPanel({ fault, noodroute, kamailio, lost }: Panel, span: Span): string {
  const { left, top, width, height } = PLOT;
  const x = (second: number): number =>
    round(left + ((second + span.before) / (span.before + span.during + span.after)) * width);
  const losses = [
    lost.noodroute === 0 ? '' : `Noodroute lost ${lost.noodroute}`,
    lost.kamailio === 0 ? '' : `Kamailio lost ${lost.kamailio}`,
  ].filter((text) => text !== '');
  return [
    `<rect x="${x(0)}" y="${top}" width="${round(x(span.during) - x(0))}" height="${height}" fill="#e4e7ea"/>`,
    `<text x="${left}" y="${top - 8}" font-weight="bold">${fault}</text>`,
    `<text x="${left + width}" y="${top - 8}" text-anchor="end" fill="#a3001b">${losses.join(', ')}</text>`,
    ...TICKS.map(([ms, name]) => tick(y(ms), name)),
    ...[0, span.during].map((second) => below(x(second), `${second} s`)),
    dots(kamailio, x, COLOUR.kamailio),
    dots(noodroute, x, COLOUR.noodroute),
  ].join('');
}

function tick(at: number, name: string): string {
  const { left, width } = PLOT;
  return `<line x1="${left}" x2="${left + width}" y1="${at}" y2="${at}" stroke="#c5cbd1" stroke-width="0.6"/><text x="${left - 5}" y="${at + 4}" text-anchor="end" font-size="9" fill="#4a545f">${name}</text>`;
}

function below(x: number, name: string): string {
  return `<text x="${x}" y="${PLOT.top + PLOT.height + 13}" text-anchor="middle" font-size="9" fill="#4a545f">${name}</text>`;
}

function dots(points: readonly Point[], x: (second: number) => number, colour: string): string {
  const each = points.map(({ second, ms }) => `M${x(second)} ${y(ms)}h0`);
  return `<path d="${each.join('')}" stroke="${colour}" stroke-opacity="0.75" stroke-width="2.8" stroke-linecap="round"/>`;
}

/** The height of a time on the logarithmic scale. */
function y(ms: number): number {
  const { least, most } = SCALE;
  const share = Math.log(Math.min(most, Math.max(least, ms)) / least) / Math.log(most / least);
  return round(PLOT.top + PLOT.height * (1 - share));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
