/** Tenants that do their worst, and floods of objects. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-tenant');
