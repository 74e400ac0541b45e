/**
 * How precisely a value is told, and whether two are the same value told with more and fewer digits: `4.46` on a console, 4.459999084472656
 * in an event file (a float32 widened), 4.46 in JSON.
 */
import type { PointBody } from '../fact.ts';

export interface Told {
  value: number;
  decimals?: PointBody['decimals'] | undefined;
}

/** 2^-24: half a unit of a float32's last place, in which most trainers hold what they log. */
const float32Share = 2 ** -24;
/** More digits than these a float32 does not carry, however many are printed of it. */
const float32Digits = 8;
const decimalsMax = 30;

/**
 * Digits behind the decimal point that are told, negative where not even the ones are (`1.9e4`: -3). Of a number without a text those that it
 * takes to write it.
 */
export function decimalsOf({ value, decimals }: Told): number {
  if (decimals !== undefined) return decimals;
  if (!Number.isFinite(value) || Number.isInteger(value)) return 0;
  const [mantissa = '', exponent = '0'] = String(value).split('e');
  const point = mantissa.indexOf('.');
  const behind = point < 0 ? 0 : mantissa.length - point - 1;
  return Math.min(decimalsMax, Math.max(0, behind - Number(exponent)));
}

/** Significant digits that are told. NaN and the infinities are told wholly. */
export function digitsOf(told: Told): number {
  const { value, decimals } = told;
  if (!Number.isFinite(value)) return float32Digits;
  if (value === 0) return decimals === undefined ? 1 : 0;
  const digits = Math.max(0, Math.floor(Math.log10(Math.abs(value))) + 1 + decimalsOf(told));
  return decimals === undefined && Math.fround(value) === value ? Math.min(digits, float32Digits) : digits;
}

/** Whether the two can be one value, each rounded to the decimals that it is told with. */
export function agree(a: Told, b: Told): boolean {
  if (!Number.isFinite(a.value) || !Number.isFinite(b.value)) return Object.is(a.value, b.value);
  const largest = Math.max(Math.abs(a.value), Math.abs(b.value));
  const slack = halfUnit(a) + halfUnit(b) + largest * float32Share;
  return Math.abs(a.value - b.value) <= slack;
}

/** Of the last place; a whole number without a text is taken as exact. */
function halfUnit(told: Told): number {
  if (told.decimals === undefined && Number.isInteger(told.value)) return 0;
  return 0.5 * 10 ** -decimalsOf(told);
}
