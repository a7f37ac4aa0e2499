/** Geometry of the bar chart: numbers in, rectangles out. */

export interface Bar {
  x: number;
  width: number;
  y: number;
  height: number;
}

/** The smallest of 1, 2, 5 × 10ⁿ (at least 4 steps' worth) that is not under the largest value. */
export function ceilingOf(largest: number): number {
  if (largest <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(largest));
  return [1, 2, 4, 5, 8, 10].map((step) => step * power).find((top) => top >= largest) ?? 10 * power;
}

export function bars(values: number[], { width, height, gap = 0.25, widest = 64 }: { width: number; height: number; gap?: number; widest?: number }): Bar[] {
  const top = ceilingOf(Math.max(0, ...values));
  const slot = width / Math.max(1, values.length);
  return values.map((value, index) => {
    const tall = (Math.max(0, value) / top) * height;
    const wide = Math.min(widest, slot * (1 - gap));
    return { x: index * slot + (slot - wide) / 2, width: wide, y: height - tall, height: tall };
  });
}

/** Which labels fit under so many bars: every n-th. */
export function labelStep(count: number, fits: number): number {
  return Math.max(1, Math.ceil(count / Math.max(1, fits)));
}
