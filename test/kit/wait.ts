/** For conditions that nobody announces (files, processes); objects of the API are watched: `Admin.waitFor`. */
export { type UntilOptions, until } from '#local/until.ts';
