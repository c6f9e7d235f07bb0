// Hosts that the gate refused a run: asked about, but nothing waits for them.

import type { InboxItem } from "$/api/generated/proto";
import type { NetworkAsk } from "./words";

export type Refused = InboxItem & { ask: NetworkAsk };

export function isRefused(item: InboxItem): item is Refused {
  return item.ask.kind === "network";
}
