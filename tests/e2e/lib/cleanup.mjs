/* cleanup.mjs: what a test started ends with it, the last first, also when one of the ends fails or
 * the whole run is interrupted.
 * SPDX-License-Identifier: Apache-2.0 */

const lists = new WeakMap();
const pids = new Set();

/* atEnd runs `fn` when the test has ended. (Of several hooks of its own, node would run none behind
 * one that failed.) */
export function atEnd(t, fn) {
  let list = lists.get(t);
  if (!list) {
    lists.set(t, (list = []));
    t.after(async () => {
      const failures = [];
      for (const one of list.reverse()) await Promise.resolve(one()).catch((e) => failures.push(e));
      if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('\n'));
      if (failures.length > 0) throw failures[0];
    });
  }
  list.push(async () => fn());
}

/* watch ends a process when this one does not live to see its tests' ends. */
export function watch(child) {
  pids.add(child.pid);
  child.once('exit', () => pids.delete(child.pid));
}

process.on('exit', () => {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGTERM');
    } catch {
      /* it has gone by itself */
    }
  }
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
