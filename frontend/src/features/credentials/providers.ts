// Model APIs that an agent can be pointed at.

import type { ProviderKind } from "$/api/generated/proto";

export const PROVIDERS: { value: ProviderKind; label: string }[] = [
  { value: "anthropic", label: "Anthropic" },
  { value: "openai", label: "OpenAI, or what speaks like it" },
  { value: "gemini", label: "Gemini" },
  { value: "ollama", label: "Ollama" },
];

export function providerLabel(kind: ProviderKind): string {
  return PROVIDERS.find(({ value }) => value === kind)?.label.split(",")[0] ?? kind;
}
