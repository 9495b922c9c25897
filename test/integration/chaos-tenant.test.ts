/** Tenants who mean harm, and floods of those who do not. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-tenant');
