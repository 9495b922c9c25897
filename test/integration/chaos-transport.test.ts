/** Connections that are cut, forgotten, frozen and closed, and an API server that is killed. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-transport');
