import type { Controller } from '#core/controller.ts';
import { compileProfiles, generationGroup } from './profiles.ts';

/** `certs/profiles.json`: for people who review what can be issued. The keeper compiles the same from the registry. */
export function profilesJson(controllers: readonly Controller[]): string {
  const profiles = compileProfiles(controllers, 'comptroller').map((profile) => ({
    name: profile.name,
    user: profile.user,
    groups: [generationGroup(profile.name, 1).replace(/1$/, '<generation>'), ...profile.groups],
    maxLifetimeHours: profile.lifetime / 3_600_000,
    key: 'EC P-256',
    usages: profile.usages,
  }));
  return `${formatted({ version: 1, profiles })}\n`;
}

/** As the formatter has it: lists of words on one line. */
function formatted(value: object): string {
  const lists = /\[\n\s+("[^\]{}]*")\n\s+\]/g;
  return JSON.stringify(value, null, 2).replace(lists, (_, words: string) => `[${words.split(/,\n\s+/).join(', ')}]`);
}
