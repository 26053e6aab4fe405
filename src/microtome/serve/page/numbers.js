/** Numbers as a reader wants them: few digits, a unit, and a dash where there is none. */

export const NONE = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** @param {number | null} value */
export function count(value) {
  return value === null ? NONE : whole.format(value);
}

/** A large count, such as 1.2M. @param {number} value */
export function compact(value) {
  return short.format(value);
}

/** @param {number | null} value @param {number} digits */
export function fixed(value, digits) {
  return value === null ? NONE : value.toFixed(digits);
}

/** @param {number | null} value @param {number} [digits] */
export function significant(value, digits = 3) {
  if (value === null) {return NONE;}
  if (value === 0) {return "0";}
  const decimals = digits - 1 - Math.floor(Math.log10(Math.abs(value)));
  return decimals > 0 ? value.toFixed(Math.min(decimals, 6)) : whole.format(value);
}

/** Minutes in a table whose head names the unit. @param {number} value */
export function minutes(value) {
  return value < 99.95 ? value.toFixed(1) : whole.format(value);
}

/**
 * A span of time as number and unit pairs, the larger unit first.
 *
 * @param {number} seconds
 * @returns {[string, string][]}
 */
export function span(seconds) {
  const rounded = Math.round(seconds);
  if (rounded < 60) {return [[String(rounded), "s"]];}
  if (rounded < 600 && rounded % 60 >= 3) {return [[(seconds / 60).toFixed(1), "min"]];}
  const all = Math.round(seconds / 60);
  if (all < 60) {return [[String(all), "min"]];}
  const rest = all % 60;
  /** @type {[string, string]} */
  const hours = [whole.format(Math.floor(all / 60)), "h"];
  return rest === 0 || all >= 100 * 60 ? [hours] : [hours, [String(rest), "min"]];
}

/** A span of time in words. @param {number} seconds */
export function duration(seconds) {
  return span(seconds)
    .map((pair) => pair.join(" "))
    .join(" ");
}

/** @param {number} share between 0 and 1 */
export function percent(share) {
  const value = share * 100;
  return `${value.toFixed(value > 99 && value < 100 ? 1 : 0)} %`;
}

/** A change with its sign, such as +0.03. @param {number} value @param {number} digits */
export function signed(value, digits) {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) {return `±${text}`;}
  return `${value < 0 ? "−" : "+"}${text}`;
}

/** @param {number} n @param {string} one @param {string} [many] */
export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}
