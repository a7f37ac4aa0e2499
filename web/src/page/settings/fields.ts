/** Which refusals belong to which field of a person, where the server does not name it. */
export const USER_FIELDS: Record<string, RegExp> = {
  name: /^(name_|user_name_)/,
  display_name: /^display_name/,
  email: /^email_/,
  role: /role|last_owner/,
  level: /level/,
  number: /^number_/,
  password: /^password_/,
};
