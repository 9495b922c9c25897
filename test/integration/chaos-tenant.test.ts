/** Tenants that do their worst. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-tenant');
