// What a person's consoles share through the hub: saved views, review marks.
// Read when first asked for, kept after a pause in changes.

import type { Client } from "$/api/client";
import type { JsonValue } from "$/api/generated/proto";

const PAUSE_MS = 600;

export class Preference<T extends JsonValue> {
  value = $state.raw<T>() as T;
  /** The hub has told what it keeps, or that it cannot be asked. */
  ready = $state(false);
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    readonly client: Client,
    readonly key: string,
    fallback: T,
  ) {
    this.value = fallback;
    client
      .call("preference_get", { key })
      .then((kept) => {
        if (kept.value !== null && this.#timer === null) this.value = kept.value as T;
      })
      .catch(() => undefined) // Without it the fallback stands.
      .finally(() => (this.ready = true));
  }

  set(value: T): void {
    this.value = value;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#keep(3), PAUSE_MS);
  }

  async #keep(tries: number): Promise<void> {
    try {
      await this.client.call("preference_set", { key: this.key, value: this.value });
      this.#timer = null;
    } catch {
      if (tries > 0) this.#timer = setTimeout(() => void this.#keep(tries - 1), 5000);
    }
  }
}
