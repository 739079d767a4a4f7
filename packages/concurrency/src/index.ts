/** How tasks of one process wait for each other: in turn, so many at a time, until they are given up or over. */
export { afterAwakeMs } from './awake-timer.ts';
export { KeyedLock } from './keyed-lock.ts';
export { orAbort } from './or-abort.ts';
export { RunningTasks } from './running-tasks.ts';
export { Semaphore } from './semaphore.ts';
