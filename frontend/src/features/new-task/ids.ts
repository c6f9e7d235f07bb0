// Ids that a console chooses for tasks: UUIDs of version 7, as the hub makes
// them, so that tasks filed together keep the order in which they were listed.

/** Of a version 7 id: the 12 bits after the time, which count within a millisecond. */
const COUNTS = 4096;

let last = 0;

export function taskId(nowMs = Date.now()): string {
  // A thousand rows are made in one millisecond: the count runs on into the next.
  last = Math.max(last + 1, nowMs * COUNTS);
  const time = Math.floor(last / COUNTS)
    .toString(16)
    .padStart(12, "0");
  const count = (last % COUNTS).toString(16).padStart(3, "0");
  const random = crypto.randomUUID();
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count}-${random.slice(19)}`;
}
