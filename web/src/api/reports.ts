/** Calls per day. */
import { get, withQuery } from './http.ts';

export interface ReportDay {
  /** YYYY-MM-DD in the person's time zone. */
  day: string;
  calls: number;
  answered: number;
  seconds: number;
}

export const reportsApi = {
  days: (from: string, to: string) => get<{ days: ReportDay[] }>(withQuery('/api/v1/reports', { from, to })),
  csvPath: (from: string, to: string) => withQuery('/api/v1/reports.csv', { from, to }),
};
