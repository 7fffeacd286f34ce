import type { PlanExplanation, RouteExplanation } from '../routing/explain.js';

/** A plan as lines of text: the places, and why each route stands there. */
export function planLines({ service, isPanic, routes }: PlanExplanation): readonly string[] {
  const head = `service ${service}${isPanic ? ': nothing healthy is left, so everything is tried' : ''}`;
  const width = Math.max(0, ...routes.map(({ trunk }) => trunk.length));
  return [head, ...routes.map((each) => routeLine(each, width))];
}

function routeLine({ place, trunk, number, why, lateAfter }: RouteExplanation, width: number): string {
  const late = lateAfter === undefined ? '' : `; late after ${lateText(lateAfter)}`;
  return `  ${String(place ?? '-').padStart(2)}  ${trunk.padEnd(width)}  dials ${number}: ${why.join('; ')}${late}`;
}

function lateText({ silenceMs, progressMs }: NonNullable<RouteExplanation['lateAfter']>): string {
  const silence = silenceMs === undefined ? '' : `${Math.round(silenceMs)} ms of silence or `;
  return `${silence}${Math.round(progressMs)} ms without ringing`;
}
