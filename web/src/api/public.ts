/** Forms for everybody. */
import { post } from './http.ts';

export const publicApi = {
  contact: (inquiry: { name: string; email: string; words: string }) => post('/api/v1/public/contact', inquiry),
  bookDemo: (booking: { name: string; email: string; wanted_at: string; words: string }) =>
    post('/api/v1/public/demo-bookings', booking),
};
