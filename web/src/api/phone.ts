/** What a page needs to be a phone. */
import { get } from './http.ts';

export interface BuiltInNumber {
  number: string;
  title: string;
  words: string;
}

export interface PhoneSettings {
  number: string;
  ws: string;
  built_in: BuiltInNumber[];
  display_name: string;
}

export const phoneApi = {
  settings: () => get<PhoneSettings>('/api/v1/phone'),
};
