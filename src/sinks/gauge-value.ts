/**
 * The value of one gauge, which several sources may tell: a console rounded and at once, an event file exactly and two minutes later. Pure.
 *
 * It moves only forward. By one source: by steps, then time; equal is forward, so that a corrected value replaces the first. A restart of a source
 * that was heard before is forward, whatever the step. By another source: only to a later step at a later time. At the step that is shown already another source may only add digits. A source that tells
 * another value there (a mean beside the value of the step) is a rival: the gauge stays with the one that made it, until that is silent.
 */
import { agree, digitsOf } from '../core/series/precision.ts';

export interface ToldValue {
  /** What tells sources apart. */
  source: string;
  value: number;
  step: number | null;
  time: number;
  restart: number;
  decimals: number | undefined;
}

export interface GaugeValue extends ToldValue {
  /** The source that the gauge stays with. */
  owner: string;
  /** Monotonic, of the owner's last word. */
  ownedMs: number;
  rivals: Set<string>;
  /** The restarts of the sources that were heard. */
  restarts: Map<string, number>;
}

const ownerSilentMs = 300_000;
const sourcesMax = 16;

export function firstValue(told: ToldValue, nowMs: number): GaugeValue {
  const restarts = new Map([[told.source, told.restart]]);
  return { ...told, owner: told.source, ownedMs: nowMs, rivals: new Set(), restarts };
}

/** Takes over what is told, if it is forward. */
export function moveValue(held: GaugeValue, told: ToldValue, nowMs: number): void {
  if (told.source === held.owner) held.ownedMs = nowMs;
  else if (held.rivals.has(told.source)) {
    if (nowMs - held.ownedMs < ownerSilentMs) return;
    held.rivals.clear();
    held.owner = told.source;
    held.ownedMs = nowMs;
    if (isForward(held, told)) Object.assign(held, told);
    return;
  }
  const restart = held.restarts.get(told.source);
  if (restart !== undefined && told.restart < restart) return;
  if (restart !== undefined || held.restarts.size < sourcesMax) held.restarts.set(told.source, told.restart);
  const hasRestarted = restart !== undefined && told.restart > restart && told.time >= held.time;
  if (hasRestarted || (told.source === held.source ? isForward(held, told) : isForwardElsewhere(held, told)))
    Object.assign(held, told);
}

function isForward(held: ToldValue, told: ToldValue): boolean {
  if (held.step !== null && told.step !== null && held.step !== told.step) return told.step > held.step;
  return told.time >= held.time;
}

function isForwardElsewhere(held: GaugeValue, told: ToldValue): boolean {
  if (held.step === null || told.step === null) return told.time >= held.time;
  if (told.step !== held.step) return told.step > held.step && told.time >= held.time;
  if (agree(held, told)) return digitsOf(told) > digitsOf(held);
  // The owner's word stands; whoever else told otherwise is one to be left out.
  const rival = told.source === held.owner ? held.source : told.source;
  if (held.rivals.size < sourcesMax) held.rivals.add(rival);
  return told.source === held.owner;
}
